"""A lab that checks look at, and one that is gone."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent

BLUE = kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
#: Guests, their NIC models, and what they are plugged into.
NICS = {
    "vm1": kl.InterfaceSpec(network="blue", model="virtio"),
    "vm2": kl.InterfaceSpec(network="blue", model="rtl8139"),
    "lan1": kl.InterfaceSpec(bridge="br0", model="virtio"),
}


@pytest.fixture(scope="package")
def lab() -> Iterator[kl.Lab]:
    """Two guests behind NAT, one in the LAN, one that is off; tests leave it as it is."""
    with kl.Lab.start("check", progress=Silent()) as lab:
        lab.define(BLUE).start()
        lab.define(kl.NetworkSpec(name="spare", subnet="192.168.60.0/24", dhcp=False))
        kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp2s0"))
        guests = [lab.define(kl.DomainSpec(name=name, interfaces=(nic,))) for name, nic in NICS.items()]
        lab.define(kl.DomainSpec(name="off", interfaces=(kl.InterfaceSpec(network="blue"),)))
        kl.start_all(guests, progress=Silent())
        yield lab


@pytest.fixture(scope="package")
def gone() -> kl.Lab:
    """A lab that has ended: nothing can be known of it."""
    lab = kl.Lab.start("gone", progress=Silent())
    lab.stop()
    return lab
