"""A lab whose networks, guests and links are exported; tests leave it as it is."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from tests.exporting.real_host import silent

#: One guest for each kind of network that libvirt makes, and one with a NIC of each other kind.
NETWORKS = (
    kl.NetworkSpec(name="nat", subnet="192.168.50.0/24", forward="nat", mtu=1400),
    kl.NetworkSpec(name="island", subnet="192.168.51.0/24"),
    kl.NetworkSpec(name="private"),
    kl.NetworkSpec(name="green", subnet="192.168.52.0/24", subnet6="fd00:52::/64", forward="route"),
    kl.NetworkSpec(name="lan", forward="bridge", bridge="br0"),
)


@pytest.fixture(scope="package")
def lab() -> Iterator[kl.Lab]:
    with silent("exporting") as lab:
        kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp1s0", stp=True, forward_delay_s=2))
        for spec in NETWORKS:
            lab.define(spec)
        nics = [kl.InterfaceSpec(network=spec.name, model="rtl8139") for spec in NETWORKS]
        lab.define(kl.DomainSpec(name="everywhere", interfaces=nics))
        others = [
            kl.InterfaceSpec(bridge="br0", isolated=True),
            kl.InterfaceSpec(bridge="virbr-nat", mac="52:54:00:00:00:42"),
            kl.InterfaceSpec(source=kl.UserMode(subnet="10.0.3.0/24")),
            kl.InterfaceSpec(source=kl.Multicast()),
            kl.InterfaceSpec(source=kl.UdpSocket(local_port=7001, remote_port=7002)),
        ]
        lab.define(kl.DomainSpec(name="otherwise", interfaces=others))
        yield lab
