"""Notice that a learner interrupts the kernel of a notebook, whether or not a cell runs."""

from collections.abc import Callable
from typing import Any


def on_interrupt(action: Callable[[], None]) -> None:
    """Call a function when the kernel is interrupted; outside of IPython nothing is done.

    Parameters
    ----------
    action
        A function of a module: asking for it again changes nothing.

    Notes
    -----
    A cell that runs gets a KeyboardInterrupt, which IPython tells of at its
    end. While no cell runs, a kernel ignores the signal: ipykernel restores
    what it kept in ``saved_sigint_handler`` after each cell
    (ipykernel/kernelbase.py, ``post_handler_hook``).
    """
    from IPython import get_ipython

    shell: Any = get_ipython()  # type: ignore[no-untyped-call,unused-ignore]
    if shell is None:
        return
    events = shell.events.callbacks["post_run_cell"]
    if not any(isinstance(known, _AtEnd) and known.action is action for known in events):
        shell.events.register("post_run_cell", _AtEnd(action))
    kernel: Any = getattr(shell, "kernel", None)
    if hasattr(kernel, "saved_sigint_handler"):
        kernel.saved_sigint_handler = lambda _number, _frame: action()


class _AtEnd:
    """Looks at how a cell ended."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action

    def __call__(self, result: Any) -> None:
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            self.action()
