"""Labs that tests share: one that is looked at, and one beside it that must not notice anything."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent

#: A subnet that every lab of these tests may use: they do not know of each other.
SUBNET = "192.168.50.0/24"


def start(name: str) -> kl.Lab:
    return kl.Lab.start(name, progress=Silent())


def add_network(lab: kl.Lab, name: str = "blue") -> None:
    lab.define(kl.NetworkSpec(name=name, subnet=SUBNET, forward="nat")).start()


@pytest.fixture(scope="package")
def world() -> Iterator[kl.Lab]:
    """A lab as it starts, with one network; tests leave it as it is."""
    with start("world") as lab:
        add_network(lab)
        yield lab


@pytest.fixture(scope="package")
def neighbour() -> Iterator[kl.Lab]:
    """A lab with the same network beside the one that something happens to."""
    with start("neighbour") as lab:
        add_network(lab)
        yield lab
