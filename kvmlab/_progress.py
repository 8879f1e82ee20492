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
    """Shows the steps in the output of a notebook cell, from the first one on."""

    def __init__(self, title: str, display: Callable[..., Any]) -> None:
        self._title = title
        self._display = display
        self._handle: Any = None

    def step(self, text: str, *, done: float | None = None) -> None:
        """Show the step in place of the one before."""
        if self._handle is None:
            # always the same at first: nbval compares what was displayed, not what it was changed to
            self._handle = self._display(_bundle(f"{self._title}: …"), raw=True, display_id=True)
        self._handle.update(_bundle(f"{self._title}: {text} …", done), raw=True)

    def close(self, ending: str) -> None:
        """Show how it ended; an empty text takes the line away."""
        if self._handle is not None:
            self._handle.update(_bundle(f"{self._title}: {ending}" if ending else ""), raw=True)


def _bundle(text: str, done: float | None = None) -> dict[str, str]:
    share = "" if done is None else f" <progress value='{done:.3f}' max='1'></progress> {done:.0%}"
    return {"text/html": f"<em>{escape(text)}{share}</em>", "text/plain": text}


class _Terminal:
    """Shows the steps on one line of a terminal, from the first one on."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bars: Any = None
        self._task: Any = None

    def step(self, text: str, *, done: float | None = None) -> None:
        """Show the step in place of the one before."""
        if self._bars is None:
            self._bars, self._task = self._started()
        total = None if done is None else 1.0
        self._bars.update(
            self._task, description=f"{self._title}: {text}", total=total, completed=done or 0.0
        )

    def _started(self) -> tuple[Any, Any]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
        bars = Progress(*columns, console=Console(stderr=True), transient=True)
        task = bars.add_task(self._title, total=None)
        bars.start()
        return bars, task

    def close(self, _ending: str) -> None:
        """Remove the line."""
        if self._bars is not None:
            self._bars.stop()


@contextlib.contextmanager
def shown(progress: Progress | None, title: str, *, lasting: bool = True) -> Iterator[Progress]:
    """Yield ``progress``, or one that suits where the code runs.

    Parameters
    ----------
    progress
        Somebody's own; None chooses cell, terminal or silence.
    title
        The object that the action is about, such as ``guest vm1``.
    lasting
        Whether a notebook keeps a line that says how it ended.
    """
    own = None if progress is not None else _suitable(title)
    if own is None:
        yield progress or Silent()
        return
    ending = "interrupted"
    try:
        yield own
        ending = "ready" if lasting else ""
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
