"""The loop of a live view: look, show what changed, pause.

It is a coroutine that does no work itself: looking and drawing take tenths of
a second and run in threads of their own, so that it can be cancelled at any time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from kvmlab.errors import KvmlabError, LabError
from kvmlab.topology import Topology

#: Seconds of pause for each second that a look took: at most half of the time is spent on it.
PAUSE_PER_LOOK = 1.0


class Screen(Protocol):
    """What a loop shows things on; it is called from the loop's thread."""

    def draw(self, topology: Topology) -> str:
        """Turn a topology into a picture; may take its time."""
        ...

    def show(self, topology: Topology, picture: str) -> None:
        """Show a topology that is not the one before."""
        ...

    def say(self, text: str) -> None:
        """Show how the watching goes."""
        ...


async def watch(look: Callable[[], Topology], screen: Screen, latest: Topology, *, every_s: float) -> None:
    """Show what a look gives whenever it is not the same as before, until it is cancelled.

    Parameters
    ----------
    look
        Reads the topology of a lab; takes its time.
    screen
        Where to show it.
    latest
        What it shows already.
    every_s
        Seconds from the end of one look to the next one, at least.

    Raises
    ------
    LabError
        If the lab does not run any more.

    Notes
    -----
    Other errors are said, and the next look may succeed: what is being made or
    removed at this moment is there only in part.
    """
    count = 0
    while True:
        started = time.monotonic()
        try:
            topology = await asyncio.to_thread(look)
            if topology != latest:
                screen.show(topology, await asyncio.to_thread(screen.draw, topology))
                latest = topology
            count += 1
            screen.say(f"look {count}, at {time.strftime('%H:%M:%S')}")
        except LabError:
            raise
        except KvmlabError as error:
            screen.say(f"cannot look: {error}")
        await asyncio.sleep(max(every_s, PAUSE_PER_LOOK * (time.monotonic() - started)))
