"""A bridge on the uplink: made, refused, taken back; and what it means for who reaches whom."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.changes.applied import apply
from kvmlab.commands import Command, Explanation
from kvmlab.errors import CommandError, SpecError
from kvmlab.host.links import NetworkState

BRIDGE = kl.BridgeSpec(name="br0", uplink="enp1s0")


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("changes", progress=Silent()) as lab:
        yield lab


def host(lab: kl.Lab) -> NetworkState:
    return lab.network_state(["host"])["host"]


def addresses(lab: kl.Lab) -> set[tuple[str, str]]:
    """Links of the host and what was configured on them."""
    return {(a.link, a.cidr) for a in host(lab).addresses if a.scope == "global"}


def ways(lab: kl.Lab) -> set[tuple[str, str, str]]:
    return {(r.destination, r.gateway, r.link) for r in host(lab).routes if r.destination == "default"}


@pytest.mark.host
def test_addresses_and_routes_move_to_the_bridge_and_back(lab: kl.Lab) -> None:
    before = addresses(lab), ways(lab)

    with kl.make_bridge(lab, BRIDGE):
        there = addresses(lab), ways(lab)
        uplink = host(lab).link("enp1s0")

    assert uplink is not None
    assert (uplink.master, uplink.port_state) == ("br0", "forwarding")
    assert there == (
        {("br0", cidr) for _, cidr in before[0]},
        {(destination, gateway, "br0") for destination, gateway, _ in before[1]},
    )
    assert (addresses(lab), ways(lab)) == before
    assert host(lab).link("br0") is None


@pytest.mark.host
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (kl.BridgeSpec(name="enp2s0"), "the host has a link of that name already"),
        (kl.BridgeSpec(name="br1", uplink="eth9"), "the host has no link 'eth9'"),
    ],
)
def test_a_bridge_that_cannot_be_is_refused_before_anything_is_changed(
    lab: kl.Lab, spec: kl.BridgeSpec, message: str
) -> None:
    before = host(lab)

    with pytest.raises(SpecError, match=message):
        kl.make_bridge(lab, spec)

    assert host(lab).links == before.links


@pytest.mark.host
def test_an_uplink_that_is_a_port_already_is_refused(lab: kl.Lab) -> None:
    with (
        kl.make_bridge(lab, BRIDGE),
        pytest.raises(SpecError, match="'enp1s0' is a port of bridge 'br0' already"),
    ):
        kl.make_bridge(lab, kl.BridgeSpec(name="br1", uplink="enp1s0"))


@pytest.mark.host
def test_if_one_command_fails_the_others_are_taken_back(lab: kl.Lab) -> None:
    make = Command(("ip", "link", "add", "name", "half", "type", "bridge"), "Make a bridge")
    fail = Command(("ip", "link", "set", "dev", "half", "master", "nothing"), "Fail")
    end = Command(("ip", "link", "delete", "dev", "half"), "Remove it")

    with pytest.raises(CommandError, match="nothing"):
        apply(lab, Explanation("half", (make, fail)), Explanation("end", (end,)))

    assert host(lab).link("half") is None


@pytest.mark.vm
def test_bridged_guests_are_stations_of_the_lan(lab: kl.Lab) -> None:
    models = {"vm1": "virtio", "vm2": "rtl8139"}
    with kl.make_bridge(lab, BRIDGE):
        guests = [
            lab.define(kl.DomainSpec(name=name, interfaces=(kl.InterfaceSpec(bridge="br0", model=model),)))
            for name, model in models.items()
        ]
        kl.start_all(guests, progress=Silent())

        found = kl.reachability(lab, "bridged", guests)
        walk = kl.trace(lab, lab.pc, guests[0])

        for guest in guests:
            guest.destroy()
            guest.undefine()
    assert list(found.findings) == []
    assert len(found.cells) == 2 * 28
    assert walk.answered
    assert {(hop.source, hop.destination) for hop in walk.hops if hop.what == "echo request"} == {
        ("192.168.1.20", walk.destination)
    }
