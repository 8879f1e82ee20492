"""In healthy labs of the other modes nothing is found wrong."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from tests.diagnosis.labs import add_guests, start

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    """One guest in each mode that the labs of the faults do not have."""
    with start("healthy") as lab:
        routed = kl.NetworkSpec(name="routed", subnet="192.168.51.0/24", forward="route")
        networks = [
            routed,
            kl.NetworkSpec(name="host-only", subnet="192.168.52.0/24"),
            kl.NetworkSpec(name="apart", subnet="192.168.53.0/24"),
            kl.NetworkSpec(name="private"),
        ]
        for network in networks:
            lab.define(network).start()
        kl.add_routes(lab, routed)
        add_guests(
            lab,
            {
                "routed": kl.InterfaceSpec(network="routed"),
                "host-only": kl.InterfaceSpec(network="host-only", model="rtl8139"),
                "apart1": kl.InterfaceSpec(network="apart", isolated=True),
                "apart2": kl.InterfaceSpec(network="apart", isolated=True),
                "vepa": kl.direct_nic(lab, "vepa", kl.Direct(dev="enp2s0", mode="vepa")),
                "user": kl.InterfaceSpec(source=kl.UserMode()),
            },
        )
        for index, (name, nic) in enumerate(
            {
                "private": kl.InterfaceSpec(network="private"),
                "socket": kl.InterfaceSpec(source=kl.Multicast()),
            }.items()
        ):
            guest = lab.define(kl.DomainSpec(name=name, interfaces=(nic,))).start(progress=Silent())
            guest.run(["ip", "address", "add", f"192.168.6{index}.2/24", "dev", "eth0"])
            guest.run(["ip", "link", "set", "dev", "eth0", "up"])
        tagged = lab.define(kl.DomainSpec(name="tagged", interfaces=(kl.InterfaceSpec(network="private"),)))
        tagged.start(progress=Silent())
        vlan = kl.VlanSpec(link="eth0", id=10, addresses=("192.168.68.2/24",))
        kl.add_vlan(lab, vlan, where="tagged")
        yield lab


def test_nothing_is_found_in_any_mode(lab: kl.Lab) -> None:
    found = kl.diagnose(lab)

    assert found.causes == (), found
    assert {step.domain for step in found.steps} == {domain.name for domain in lab.domains()}
    assert {step.outcome for step in found.steps} == {"good"}, found.steps
    assert repr(found).endswith("Nothing is wrong with the network of " + ", ".join(_names(lab)) + ".")


def _names(lab: kl.Lab) -> list[str]:
    return [domain.name for domain in lab.domains()]
