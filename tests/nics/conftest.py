"""A lab that the tests of NICs share, with one network."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.virt.domain import Domain


@pytest.fixture(scope="package")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("nics", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        yield lab


@pytest.fixture
def guest(lab: kl.Lab) -> Iterator[Domain]:
    """A guest with an rtl8139 NIC."""
    nic = kl.InterfaceSpec(network="blue", model="rtl8139")
    found = lab.define(kl.DomainSpec(name="vm1", interfaces=[nic]))
    try:
        yield found.start(progress=Silent()).wait_until_ready()
    finally:
        if found.is_active:
            found.destroy()
        found.undefine()
