"""The command line ``kvmlab``; the only place that prints and exits."""

from kvmlab.cli.app import main

__all__ = ["main"]
