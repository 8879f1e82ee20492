"""From a host's links, addresses and routes to what another host needs."""

from dataclasses import replace

import pytest

from kvmlab.errors import HostError
from kvmlab.exporting.plan import Addressing, HostLink, StaticRoute
from kvmlab.exporting.survey import Surroundings, foreign_ports, made_by_hand, plan_for
from kvmlab.host.links import Address, Link, NetworkState, Route

UPLINK = Link(index=2, name="eno1", kind="physical", mtu=1500, is_up=True, master="br0")
BRIDGE = Link(index=4, name="br0", kind="bridge", mtu=1500, is_up=True, stp=True, forward_delay_s=4.0)
GUEST_TAP = Link(index=5, name="vnet0", kind="tap", mtu=1500, master="br0", is_isolated=True)
VIRBR = Link(index=6, name="virbr0", kind="bridge", mtu=1500)
STATE = NetworkState(
    links=(UPLINK, BRIDGE, GUEST_TAP, VIRBR),
    addresses=(
        Address("br0", "2001:db8::5", 64, "global"),
        Address("br0", "192.0.2.5", 24, "global"),
        Address("br0", "fe80::1", 64, "link"),
    ),
    routes=(
        Route(4, "default", "192.0.2.1", "br0", protocol="static"),
        Route(6, "default", "fe80::9", "br0", protocol="ra"),
        Route(4, "192.0.2.0/24", "", "br0", protocol="kernel"),
        Route(4, "10.0.0.0/8", "192.0.2.7", "br0", protocol="boot"),
    ),
)
AROUND = Surroundings(by_libvirt=frozenset({"virbr0"}), guest_taps=frozenset({"vnet0"}))


def test_a_bridge_comes_with_its_uplink_and_without_the_taps_of_guests() -> None:
    plan = plan_for(STATE, ["br0"], AROUND)

    assert [(link.name, link.kind, link.master) for link in plan.links] == [
        ("br0", "bridge", ""),
        ("eno1", "nic", "br0"),
    ]


def test_addresses_and_routes_are_those_that_somebody_set() -> None:
    plan = plan_for(STATE, ["br0"], AROUND)

    assert plan.links[0].addressing == Addressing(
        addresses=("192.0.2.5/24", "2001:db8::5/64"),
        gateways=("192.0.2.1",),
        routes=(StaticRoute(destination="10.0.0.0/8", gateway="192.0.2.7"),),
    )


def test_addresses_that_expire_come_from_dhcp_or_router_advertisements() -> None:
    dynamic = tuple(replace(address, is_dynamic=True) for address in STATE.addresses)

    plan = plan_for(replace(STATE, addresses=dynamic), ["br0"], AROUND)

    own = plan.links[0].addressing
    assert (own.dhcp, own.accept_ra, own.addresses) == (True, True, ())


@pytest.mark.parametrize(("stp", "delay"), [(True, 4), (False, None)])
def test_a_forward_delay_counts_with_stp_only(stp: bool, delay: int | None) -> None:
    bridge = replace(BRIDGE, stp=stp)

    plan = plan_for(replace(STATE, links=(UPLINK, bridge)), ["br0"], AROUND)

    assert (plan.links[0].stp, plan.links[0].forward_delay_s) == (stp, delay)


def test_a_bridge_of_libvirts_is_left_to_libvirt() -> None:
    plan = plan_for(STATE, ["virbr0"], AROUND)

    assert plan.is_empty
    assert plan.by_libvirt == ("virbr0",)


def test_a_vlan_comes_with_the_link_below_it_first() -> None:
    card = replace(UPLINK, master="")
    vlan = Link(index=3, name="eno1.7", kind="vlan", mtu=1500, lower="eno1", vlan_id=7, master="br7")
    bridge = replace(BRIDGE, name="br7", index=9)

    plan = plan_for(NetworkState(links=(vlan, bridge, card)), ["br7"], Surroundings())

    assert [(link.name, link.lower, link.vlan_id) for link in plan.links] == [
        ("br7", "", None),
        ("eno1", "", None),
        ("eno1.7", "eno1", 7),
    ]


def test_the_hosts_own_macvlan_comes_along_with_the_card_that_guests_sit_on() -> None:
    card = replace(UPLINK, master="")
    own = Link(index=7, name="host0", kind="macvlan", mtu=1500, lower="eno1", mode="bridge")
    of_guest = replace(own, name="macvtap0", index=8)
    addresses = (Address("host0", "192.0.2.6", 32, "global"), Address("eno1", "192.0.2.5", 24, "global"))

    plan = plan_for(NetworkState(links=(card, own, of_guest), addresses=addresses), ["eno1"], Surroundings())

    assert [link.name for link in plan.links] == ["eno1", "host0"]


def test_a_card_that_has_an_address_and_nothing_on_it_is_left_as_it_is() -> None:
    card = replace(UPLINK, master="")
    addresses = (Address("eno1", "192.0.2.5", 24, "global"),)

    with_address = plan_for(NetworkState(links=(card,), addresses=addresses), ["eno1"], Surroundings())
    without = plan_for(NetworkState(links=(card,)), ["eno1"], Surroundings())

    assert with_address.links == ()
    assert without.links == (HostLink(name="eno1", kind="nic"),)


def test_a_link_that_is_gone_is_named() -> None:
    with pytest.raises(HostError, match="no link 'br7'"):
        plan_for(STATE, ["br7"], AROUND)


def test_what_was_made_by_hand_is_told_from_what_libvirt_made() -> None:
    port = replace(UPLINK, name="eno2", index=8, master="virbr0")
    state = replace(STATE, links=(*STATE.links, port))

    assert made_by_hand(state, AROUND) == ["br0"]
    assert [link.name for link in foreign_ports(state, AROUND)] == ["eno2"]
