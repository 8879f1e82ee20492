"""A lab that the tests of guests share, with one network."""

from collections.abc import Iterator, Sequence

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.virt.domain import Domain

#: Seconds that a test waits at the most for something that takes a moment.
BOUND_S = 60.0


@pytest.fixture(scope="package")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("virt", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        yield lab


def define(lab: kl.Lab, name: str, models: Sequence[str] = (), *, machine: str = "q35") -> Domain:
    """Define a domain with a NIC of each model on the network."""
    nics = tuple(kl.InterfaceSpec(network="blue", model=model) for model in models)
    return lab.define(kl.DomainSpec(name=name, interfaces=nics, machine=machine))
