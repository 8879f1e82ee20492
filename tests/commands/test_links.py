"""Every command that is shown for bridges and direct mode does what it says."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab.changes.bridge import uplink_state
from kvmlab.commands.bridge import UplinkState, explain_bridge, explain_bridge_end
from kvmlab.commands.direct import (
    GluedTap,
    explain_glued_tap,
    explain_glued_tap_end,
    explain_host_macvlan,
)
from kvmlab.host import world
from kvmlab.spec.bridge import BridgeSpec
from kvmlab.spec.source import Direct
from tests.commands.stations import INTERNET, LAN, in_time, pings, station
from tests.commands.typing_in import type_all

pytestmark = pytest.mark.host

SECOND = BridgeSpec(name="br-second", uplink="enp2s0")
FIRST = BridgeSpec(name="br-first", uplink="enp1s0")
TAP = GluedTap(name="tap-vm1", direct=Direct(dev="enp2s0"), mac="52:54:00:00:00:99")


def links(lab: kl.Lab) -> list[str]:
    return [link.name for link in lab.network_state(["host"])["host"].links]


@pytest.fixture
def links_before(lab: kl.Lab) -> Iterator[list[str]]:
    """Links of the host, which has the same ones in the end."""
    before = links(lab)
    yield before
    assert links(lab) == before


def test_a_station_on_a_bridge_with_an_uplink_is_in_the_lan(lab: kl.Lab, links_before: list[str]) -> None:
    shown = type_all(lab, explain_bridge(SECOND, UplinkState()))

    with station(lab, "one", bridge=SECOND.name, addresses=["192.168.1.77/24"]) as guest:
        assert "enp2s0" in shown
        assert in_time(lambda: pings(guest, LAN[4]))
        assert pings(lab.pc, "192.168.1.77")

    type_all(lab, explain_bridge_end(SECOND, UplinkState()))


def test_the_host_keeps_its_addresses_and_routes_when_its_uplink_becomes_a_port(
    lab: kl.Lab, links_before: list[str]
) -> None:
    before = lab.network_state(["host"])["host"]
    moves = uplink_state(before, "enp1s0")

    type_all(lab, explain_bridge(FIRST, moves))

    state = lab.network_state(["host"])["host"]
    assert {a.cidr for a in state.addresses_of("br-first")} >= set(moves.addresses) != set()
    assert in_time(lambda: all(pings(lab.host, target) for target in INTERNET.values()))

    type_all(lab, explain_bridge_end(FIRST, moves))

    after = lab.network_state(["host"])["host"]
    assert uplink_state(after, "enp1s0") == moves
    assert in_time(lambda: all(pings(lab.host, target) for target in INTERNET.values()))


def test_a_macvlan_and_a_tap_are_glued_together_and_taken_apart(lab: kl.Lab, links_before: list[str]) -> None:
    type_all(lab, explain_glued_tap(TAP))

    state = lab.network_state(["host"])["host"]
    macvlan, tap = state.link("tap-vm1m"), state.link("tap-vm1")
    assert macvlan is not None
    assert tap is not None
    assert (macvlan.kind, macvlan.lower, macvlan.mac) == ("macvlan", "enp2s0", TAP.mac)
    assert (tap.kind, tap.is_up) == ("tap", True)
    for one, other in (("tap-vm1", "tap-vm1m"), ("tap-vm1m", "tap-vm1")):
        shown = lab.host.run(["tc", "filter", "show", "dev", one, "ingress"]).stdout
        assert f"Egress Redirect to device {other}" in shown

    type_all(lab, explain_glued_tap_end(TAP))


def test_the_host_becomes_a_neighbour_of_its_guests_in_direct_mode(
    lab: kl.Lab, links_before: list[str]
) -> None:
    type_all(lab, explain_host_macvlan("enp2s0", name="mv-host", address="192.168.1.11/32"))

    assert pings(lab.pc, "192.168.1.11")
    assert world.HOST_ADDRESS != "192.168.1.11"
    lab.host.run(["ip", "link", "delete", "dev", "mv-host"])
