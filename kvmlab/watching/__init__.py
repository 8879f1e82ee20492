"""Look at a running lab again and again, and show its topology as it changes."""

from kvmlab.watching.view import Live, live

__all__ = ["Live", "live"]
