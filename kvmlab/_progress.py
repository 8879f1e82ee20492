"""Say what is going on while something takes more than a moment.

A :class:`Progress` is told the steps; who shows them, a terminal or a
notebook cell, is chosen by the caller (:func:`kvmlab.progress`).
"""

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of a long action."""

    def step(self, text: str, *, done: float | None = None) -> None:
        """Report the present step and, where known, the share done in 0.0-1.0."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, text: str, *, done: float | None = None) -> None:
        """Ignore the step."""
