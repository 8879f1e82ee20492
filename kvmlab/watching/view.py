"""A live view of a lab's topology."""

import asyncio
import contextlib
import threading
import time
from typing import Any

from kvmlab._repr import Table
from kvmlab.drawing import Drawing
from kvmlab.errors import KvmlabError, LabError, SpecError
from kvmlab.observe import Observable, snapshot
from kvmlab.topology import Change, Topology, compare
from kvmlab.watching.interrupts import on_interrupt
from kvmlab.watching.loop import watch
from kvmlab.watching.page import Page
from kvmlab.watching.sparing import Sparing

#: Least seconds between two looks: more often nobody can follow.
_LEAST_S = 0.2
#: Changes that are remembered.
_REMEMBERED = 500
#: The view of each lab, by its name: a cell that runs again ends the view that it made before.
_VIEWS: dict[str, "Live"] = {}


def live(lab: Observable, *, every_s: float = 1.0, for_s: float | None = None) -> "Live":
    """Show a lab's topology as it changes, until it is stopped.

    It looks again and again, also while other cells run. It ends by its
    button, by :meth:`Live.stop`, with the lab, when the kernel is interrupted,
    and when the same lab gets another live view.

    Parameters
    ----------
    lab
        A running lab.
    every_s
        Seconds between two looks, at least 0.2. A look that takes long is
        followed by a longer pause, so that it costs the guests little.
    for_s
        Seconds after which it ends by itself; None for no limit.

    Raises
    ------
    SpecError
        If a time is too short.
    LabError
        If the lab does not run.

    Notes
    -----
    Each look asks the guests, which costs them some CPU: stop it before you
    measure. A picture that stays is :func:`kvmlab.draw`.
    """
    if every_s < _LEAST_S:
        raise SpecError(f"every_s is {every_s:g}", hint=f"at least {_LEAST_S:g} s between two looks")
    if for_s is not None and for_s <= 0:
        raise SpecError(f"for_s is {for_s:g}", hint="a positive number of seconds, or None for no limit")
    first = snapshot(lab)
    if lab.name in _VIEWS:
        _VIEWS[lab.name].end()
    _VIEWS[lab.name] = view = Live(lab, first, every_s=every_s, for_s=for_s)
    on_interrupt(_stop_all)
    return view


def _stop_all() -> None:
    for view in list(_VIEWS.values()):
        view.end()


class _Shown:
    """What is on the page of a view: the latest topology, and the changes before it."""

    def __init__(self, page: Page, first: Topology) -> None:
        self._page = page
        self.topology = first
        self.changes: list[Change] = []
        self.show(first, self.draw(first))

    def draw(self, topology: Topology) -> str:
        return Drawing(topology).svg

    def show(self, topology: Topology, picture: str) -> None:
        self.changes = [*self.changes, *compare(self.topology, topology)][-_REMEMBERED:]
        self.topology = topology
        self._page.show(picture, topology.findings, self.changes)

    def say(self, text: str) -> None:
        self._page.say(text)


class Live:
    """A live view; made by :func:`live`.

    Parameters
    ----------
    lab
        A running lab.
    first
        Its topology now.
    every_s, for_s
        See :func:`live`.
    """

    def __init__(self, lab: Observable, first: Topology, *, every_s: float, for_s: float | None) -> None:
        self._lab = lab
        self._page = Page(f"lab {lab.name}", self.end)
        self._shown = _Shown(self._page, first)
        # An event loop of its own: the kernel's stands still while a cell runs.
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._watch(every_s, for_s))
        self._thread = threading.Thread(target=self._run, name=f"live view of lab {lab.name}", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Live view of lab {self._lab.name!r}: {'live' if self.is_live else 'ended'}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        # Pages without widgets show the picture as it was.
        return {**self._page.bundle(), "image/svg+xml": Drawing(self.topology).svg, "text/plain": repr(self)}

    @property
    def is_live(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive()

    @property
    def topology(self) -> Topology:
        """The topology that it shows."""
        return self._shown.topology

    @property
    def changes(self) -> Table[Change]:
        """What changed since it began, the latest last."""
        return Table(self._shown.changes)

    def stop(self) -> None:
        """End it after a last look; nothing happens if it ended before."""
        was_live = self.is_live
        self.end()
        if was_live:
            with contextlib.suppress(KvmlabError):  # the lab may have ended, too
                last = snapshot(self._lab)
                self._shown.show(last, self._shown.draw(last))

    def end(self) -> None:
        """End it at once: the picture stays as it is."""
        with contextlib.suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()  # takes no time: what is being looked at is forgotten

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; return whether it has.

        Parameters
        ----------
        timeout_s
            Seconds to wait; None for no limit.
        """
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    async def _watch(self, every_s: float, for_s: float | None) -> None:
        async with asyncio.timeout(for_s):
            lab = Sparing(self._lab)
            await watch(lambda: snapshot(lab), self._shown, self.topology, every_s=every_s)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except (asyncio.CancelledError, TimeoutError):
            self._shown.say(f"stopped at {time.strftime('%H:%M:%S')}")
        except LabError as error:
            self._shown.say(f"ended: {error}")
        except Exception as error:  # noqa: BLE001  (nobody else would tell: this is a thread)
            self._shown.say(f"ended: {type(error).__name__}: {error}")
        finally:
            self._page.close()
            self._loop.close()
