"""Say what is going on while something takes more than a moment.

In a notebook the steps appear in the cell, in a terminal on standard error;
elsewhere nothing is shown. What is left at the end is one line that is the
same each time, so that notebooks can be compared.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from html import escape
from typing import Any, Protocol


class Progress(Protocol):
    """Receives the steps of a long action."""

    def step(self, text: str, *, done: float | None = None) -> None:
        """Report the present step and, where known, the share done in 0.0-1.0."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, text: str, *, done: float | None = None) -> None:
        """Ignore the step."""


class _Cell:
    """Shows the steps in the output of a notebook cell."""

    def __init__(self, title: str, display: Callable[..., Any]) -> None:
        self._title = title
        self._handle = display({"text/plain": title}, raw=True, display_id=True)

    def step(self, text: str, *, done: float | None = None) -> None:
        """Show the step in place of the one before."""
        share = "" if done is None else f" <progress value='{done:.3f}' max='1'></progress> {done:.0%}"
        html = f"<em>{escape(self._title)}: {escape(text)} …{share}</em>"
        self._handle.update({"text/html": html, "text/plain": f"{self._title}: {text}"}, raw=True)

    def close(self, ending: str) -> None:
        """Show how it ended."""
        self._handle.update({"text/plain": f"{self._title}: {ending}"}, raw=True)


class _Terminal:
    """Shows the steps on one line of a terminal."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        self._title = title
        self._bars = Bars(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bars.add_task(title, total=None)
        self._bars.start()

    def step(self, text: str, *, done: float | None = None) -> None:
        """Show the step in place of the one before."""
        total = None if done is None else 1.0
        self._bars.update(self._task, description=f"{self._title}: {text}", total=total, completed=done or 0.0)

    def close(self, _ending: str) -> None:
        """Remove the line."""
        self._bars.stop()


@contextlib.contextmanager
def shown(progress: Progress | None, title: str) -> Iterator[Progress]:
    """Yield ``progress``, or one that suits where the code runs.

    Parameters
    ----------
    progress
        Somebody's own; None chooses cell, terminal or silence.
    title
        The object that the action is about, such as ``guest vm1``.
    """
    own = None if progress is not None else _suitable(title)
    if own is None:
        yield progress or Silent()
        return
    ending = "interrupted"
    try:
        yield own
        ending = "ready"
    except Exception:
        ending = "failed"
        raise
    finally:
        own.close(ending)


def _suitable(title: str) -> "_Cell | _Terminal | None":
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        return _Cell(title, display)
    return _Terminal(title) if sys.stderr.isatty() else None
