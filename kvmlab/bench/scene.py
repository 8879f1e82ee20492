"""What the measurements have in common: their lab, its network, and turns."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kvmlab._progress import Progress, Silent
from kvmlab.bench.rawkit import Place
from kvmlab.lab import Lab
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.virt.domain import Domain

NETWORK = "bench"
#: Seconds between two looks at whether a guest answers.
LOOK_S = 0.02
_numbers = itertools.count(1)


@dataclass(slots=True)
class Rounds:
    """Counts the rounds of a whole run and shows where it is.

    Attributes
    ----------
    repeats
        Rounds of each measurement.
    total
        Rounds of the whole run.
    progress
        Told each round.
    """

    repeats: int
    total: int
    progress: Progress
    _done: int = field(default=0, init=False)

    def of(self, what: str) -> Iterator[int]:
        """Yield the numbers of the rounds of one measurement, from 0."""
        for number in range(self.repeats):
            text = f"{what}, {number + 1} of {self.repeats}"
            self.progress.step(text, done=self._done / self.total)
            yield number
            self._done += 1

    def preparing(self, what: str) -> None:
        """Say that something is made ready."""
        self.progress.step(f"{what}, preparing", done=self._done / self.total)


def start_lab() -> Lab:
    """Start a lab of this run; its name clashes with no other's."""
    return Lab.start(f"bench-{os.getpid()}-{next(_numbers)}", progress=Silent())


def add_network(lab: Lab) -> None:
    """Define and start the network that guests are plugged into."""
    lab.define(NetworkSpec(name=NETWORK, subnet="192.168.50.0/24", forward="nat")).start()


@contextlib.contextmanager
def lab_with_network() -> Iterator[Lab]:
    """Yield a running lab with a network."""
    with start_lab() as lab:
        add_network(lab)
        yield lab


def define_guest(lab: Lab, name: str) -> Domain:
    """Define a guest with a virtio and an rtl8139 NIC."""
    nics = (InterfaceSpec(network=NETWORK, model="virtio"), InterfaceSpec(network=NETWORK, model="rtl8139"))
    return lab.define(DomainSpec(name=name, interfaces=nics))


def raw_place(lab: Lab) -> Place:
    """Return where plain QEMU runs beside the guests of a lab."""
    return Place(lab.host, lab.path / "raw", lab.network(NETWORK).bridge)


def in_turns(number: int, ours: Callable[[], float], raw: Callable[[], float]) -> tuple[float, float]:
    """Measure both; who comes first changes from round to round.

    Returns
    -------
    tuple
        Our value, and plain QEMU's.
    """
    if number % 2:
        baseline = raw()
        return ours(), baseline
    return ours(), raw()


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def until(answered: Callable[[], bool]) -> None:
    """Look again and again until something is so; what is looked at has a bound of its own."""
    while not answered():
        time.sleep(LOOK_S)
