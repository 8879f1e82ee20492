"""The loop of a live view, with looks whose results are known."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from kvmlab.errors import GuestError, KvmlabError, LabError
from kvmlab.topology import Node, Topology
from kvmlab.watching.loop import watch

EMPTY = Topology()


def with_tap(name: str) -> Topology:
    return Topology((Node(name, "tap", name),))


class Screen:
    """Remembers what it was told, and in which thread."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.said: list[str] = []

    def draw(self, topology: Topology) -> str:
        assert threading.current_thread() is not threading.main_thread()
        return str(topology)

    def show(self, topology: Topology, picture: str) -> None:
        assert str(topology) == picture
        self.shown.append(picture)

    def say(self, text: str) -> None:
        self.said.append(text)


def looks(*results: Topology | KvmlabError) -> Callable[[], Topology]:
    """Looks that give these results, one after the other; then the lab has ended."""
    left: Iterator[Topology | KvmlabError] = iter(results)

    def look() -> Topology:
        assert threading.current_thread() is not threading.main_thread()
        result = next(left, LabError("lab 'x' is not running"))
        if isinstance(result, KvmlabError):
            raise result
        return result

    return look


def watched(*results: Topology | KvmlabError) -> Screen:
    screen = Screen()
    with pytest.raises(LabError):
        asyncio.run(watch(looks(*results), screen, EMPTY, every_s=0.0))
    return screen


def test_a_topology_is_shown_when_it_is_not_the_one_before() -> None:
    screen = watched(EMPTY, with_tap("a"), with_tap("a"), with_tap("b"), with_tap("b"))

    assert screen.shown == ["tap a", "tap b"]


def test_an_error_is_said_and_the_next_look_goes_on() -> None:
    screen = watched(GuestError("vm1", "is gone"), with_tap("a"))

    assert screen.said[0].startswith("cannot look: ")
    assert "is gone" in screen.said[0]
    assert screen.shown == ["tap a"]


def test_every_look_is_told_once() -> None:
    screen = watched(EMPTY, EMPTY, EMPTY)

    assert [text.split(",")[0] for text in screen.said] == [f"look {n}" for n in (1, 2, 3)]


def test_a_look_that_takes_long_is_followed_by_a_pause_as_long() -> None:
    began: list[float] = []

    def slow() -> Topology:
        began.append(time.monotonic())
        if len(began) == 3:
            raise LabError("lab 'x' is not running")
        time.sleep(0.1)  # what a look at busy guests is like
        return EMPTY

    with pytest.raises(LabError):
        asyncio.run(watch(slow, Screen(), EMPTY, every_s=0.0))

    assert min(later - earlier for earlier, later in pairwise(began)) >= 0.2


def test_it_can_be_ended_while_a_look_takes_long() -> None:
    release = threading.Event()
    seen = threading.Event()

    def stuck() -> Topology:
        seen.set()
        assert release.wait(30)
        return with_tap("a")

    async def ended_early(screen: Screen) -> None:
        task = asyncio.ensure_future(watch(stuck, screen, EMPTY, every_s=0.0))
        await asyncio.to_thread(seen.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()

    screen = Screen()
    asyncio.run(ended_early(screen))

    assert screen.shown == []
