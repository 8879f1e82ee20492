"""What is not as expected in a recorded lab in which one thing was changed."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from kvmlab.host.firewall import RuleSet
from kvmlab.host.links import Address, Link
from observe.recorded import Network, RecordedLab, rules_in, taken

NIC = "guest/vm1/nic0"
PORT = "host/vnet0 -- host/virbr-blue"
ROUTE = "host/virbr-blue -- host/virbr-blue/nat"
OPEN = ":FORWARD ACCEPT [0:0]\n"
DHCP = "an IPv4 address from DHCP of network blue"

Break = Callable[[RecordedLab], object]


def told(lab: RecordedLab) -> list[tuple[str, str, str]]:
    return [(finding.item, finding.expected, finding.actual) for finding in taken(lab).findings]


def nic(**changes: Any) -> Break:
    return lambda lab: lab.with_nic(0, **changes)


def link(host: str, name: str, **changes: Any) -> Break:
    return lambda lab: lab.with_link(host, name, **changes)


def network(**changes: Any) -> Break:
    def apply(lab: RecordedLab) -> None:
        lab.defined = tuple(replace(one, **changes) for one in lab.defined)

    return apply


def rules(text: str, *, nat: bool = True) -> Break:
    table = "*nat\n[0:0] -A POSTROUTING -s 192.168.50.0/24 -j MASQUERADE\nCOMMIT\n" if nat else ""

    def apply(lab: RecordedLab) -> None:
        lab.rules = rules_in(f"{table}*filter\n{text}COMMIT\n")

    return apply


def no_router(lab: RecordedLab) -> None:
    lab.states["host"] = replace(lab.states["host"], forwards=())


def address_on(name: str) -> Break:
    def apply(lab: RecordedLab) -> None:
        host = lab.states["host"]
        moved = tuple(replace(a, link=name) if a.link == "virbr-blue" else a for a in host.addresses)
        lab.states["host"] = replace(host, addresses=moved)

    return apply


UNSEEN: dict[str, Any] = {"link": "", "driver": "", "addresses": (), "has_carrier": None, "is_up": None}


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (nic(**UNSEEN), (NIC, "driver virtio_net", "no driver")),
        (nic(is_up=False, has_carrier=None, addresses=()), (NIC, "up", "set down in the guest")),
        (nic(has_carrier=False), (NIC, "carrier", "no carrier")),
        (nic(addresses=("fe80::1/64",)), (NIC, DHCP, "no address")),
        (nic(addresses=(), told_by="leases", link="", is_up=None), (NIC, DHCP, "no lease")),
        (nic(tap="vnet9"), (NIC, "tap vnet9", "vnet9 is gone")),
        (
            nic(kind="user", source="slirp", network="", bridge="", tap="", addresses=()),
            (NIC, "an IPv4 address from DHCP of slirp", "no address"),
        ),
        (link("host", "vnet0", master="", port_state=""), (PORT, "port of virbr-blue", "no port of it")),
        (
            link("host", "vnet0", port_state="blocking"),
            (PORT, "port state forwarding", "port state blocking"),
        ),
        (link("host", "vnet0", is_isolated=True), (PORT, "not isolated", "isolated")),
        (nic(is_isolated=True), (PORT, "isolated", "not isolated")),
        (link("host", "vnet0", is_up=False), ("host/vnet0", "up", "set down")),
        (link("host", "vnet0", has_carrier=False), ("host/vnet0", "up", "no carrier")),
        (link("host", "virbr-blue", is_up=False), ("host/virbr-blue", "up", "set down")),
        (link("host", "enp2s0", is_up=False), ("host/enp2s0 -- switch", "up", "enp2s0 set down")),
        (link("switch", "port4", is_up=False), ("switch -- pc", "up", "port4 set down")),
        (link("switch", "port3", port_state="blocking"), ("switch -- router", "up", "port3 blocking")),
        (
            rules(f"{OPEN}[0:0] -A FORWARD -o virbr-blue -m state --state NEW -j DROP\n", nat=False),
            ("host/virbr-blue/nat", "masquerade 192.168.50.0/24", "no NAT rule"),
        ),
        (rules(OPEN), (ROUTE, "in: refused", "in: accept")),
        (
            rules(f"{OPEN}[0:0] -A FORWARD -o virbr-blue -j DROP\n"),
            (ROUTE, "answers in: accept", "answers in: drop (-o virbr-blue -j DROP)"),
        ),
        (no_router, (ROUTE, "ip_forward 1", "ip_forward 0")),
        (
            network(is_active=False),
            ("host/virbr-blue", "network blue active for vm1, vm2", "network inactive"),
        ),
    ],
)
def test_one_thing_that_is_wrong_is_told_once_at_its_place(
    break_it: Break, expected: tuple[str, str, str]
) -> None:
    lab = RecordedLab()
    break_it(lab)

    assert told(lab) == [expected]


def test_a_policy_that_drops_what_is_forwarded_is_named_both_ways() -> None:
    lab = RecordedLab()
    rules(":FORWARD DROP [0:0]\n")(lab)

    assert told(lab) == [
        (ROUTE, "out: accept", "out: drop (policy drop)"),
        (ROUTE, "answers in: accept", "answers in: drop (policy drop)"),
    ]


def test_a_port_of_another_bridge_is_named() -> None:
    lab = RecordedLab()
    bridge = Link(90, "br9", "bridge", is_up=True)
    lab.states["host"] = replace(lab.states["host"], links=(*lab.states["host"].links, bridge))

    lab.with_link("host", "vnet0", master="br9")

    assert told(lab) == [("host/vnet0 -- host/br9", "port of virbr-blue", "port of br9")]


def test_a_bridge_that_lost_its_address_is_told_of_the_subnet() -> None:
    lab = RecordedLab()
    address_on("lo")(lab)

    assert ("host/virbr-blue", "an address in 192.168.50.0/24", "no address in it") in told(lab)


def test_a_bridge_that_is_gone_is_a_finding_not_a_gap() -> None:
    lab = RecordedLab(nics=())
    host = lab.states["host"]
    others = tuple(link for link in host.links if "virbr-blue" not in (link.name, link.master))
    lab.states["host"] = replace(host, links=others)

    assert told(lab) == [("host/virbr-blue", "bridge virbr-blue", "virbr-blue is gone")]


def test_an_address_on_a_port_is_on_the_wrong_side() -> None:
    lab = RecordedLab(nics=(), defined=(), rules=RuleSet())
    lab.with_link("host", "enp1s0", master="virbr-blue", port_state="forwarding")

    assert told(lab) == [("host/enp1s0", "its address on virbr-blue", "192.168.1.10/24 on the port")]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("route", []),
        ("open", []),
        ("", [(f"{what}: refused", f"{what}: accept") for what in ("out", "in", "answers in")]),
    ],
)
def test_without_rules_only_the_modes_that_promise_to_refuse_are_broken(
    mode: str, expected: list[tuple[str, str]]
) -> None:
    lab = RecordedLab(defined=(Network("blue", "virbr-blue", mode),), rules=RuleSet())

    assert [found[1:] for found in told(lab)] == expected


def test_an_isolated_network_on_a_host_that_is_no_router_is_as_expected() -> None:
    lab = RecordedLab(defined=(Network("blue", "virbr-blue", ""),), rules=RuleSet())
    no_router(lab)

    assert told(lab) == []


@pytest.mark.parametrize(
    "changes",
    [{"master": "bond0"}, {"state": "shut off", "tap": ""}, {"told_by": ""}],
    ids=["in a bond", "off", "silent"],
)
def test_an_address_is_not_expected_where_none_can_be(changes: dict[str, Any]) -> None:
    assert told(RecordedLab().with_nic(0, addresses=(), **changes)) == []


def test_an_address_is_not_expected_where_nobody_serves_one() -> None:
    private = Network("blue", "virbr-blue", "", subnets=(), dhcp_subnet=None)

    lab = RecordedLab(defined=(private,), rules=RuleSet()).with_nic(0, addresses=())
    no_router(lab)

    assert told(lab) == []


def with_glued_tap(**changes: Any) -> RecordedLab:
    """vm1's first NIC in direct mode without root: a macvlan and a tap that hand each other their frames."""
    lab = RecordedLab().with_nic(
        0, kind="ethernet", tap="t0", network="", bridge="", addresses=("192.168.1.9/24",)
    )
    on = {"is_up": True, "has_carrier": True}
    macvlan = Link(90, "t0m", "macvlan", **on, lower="enp1s0", mode="vepa", redirect="t0")
    tap = Link(91, "t0", "tap", **on, redirect="t0m")
    lab.states["host"] = replace(lab.states["host"], links=(*lab.states["host"].links, macvlan, tap))
    for name, change in changes.items():
        lab.with_link("host", name, **change)
    return lab


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"t0": {"redirect": ""}}, [("host/t0", "a bridge, or a filter to another link", "leads nowhere")]),
        ({"t0m": {"redirect": ""}}, [("host/t0 -- host/t0m", "frames both ways", "none comes back")]),
    ],
)
def test_a_tap_of_ones_own_must_lead_somewhere_and_back(
    changes: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert told(with_glued_tap(**changes)) == expected


def test_a_nic_on_the_lan_is_expected_to_have_an_address_of_the_lan() -> None:
    lab = with_glued_tap().with_nic(0, addresses=())

    assert told(lab) == [(NIC, "an IPv4 address from DHCP of the LAN", "no address")]


def test_a_macvtap_in_another_mode_than_libvirt_was_asked_for_is_told() -> None:
    lab = with_glued_tap()
    lab.with_nic(0, kind="direct", source="enp1s0", mode="passthrough", tap="t0m")

    assert told(lab) == [("host/t0m", "mode passthru on enp1s0", "mode vepa on enp1s0")]


def test_a_network_on_a_bridge_that_the_host_does_not_have_is_told() -> None:
    lab = RecordedLab(defined=(Network("lan", "br0", "bridge", subnets=(), dhcp_subnet=None),), nics=())
    lab.rules = RuleSet()

    assert told(lab) == [("host/br0", "bridge br0", "br0 is gone")]


def test_a_second_subnet_without_an_address_is_told_by_its_name() -> None:
    both = (IPv4Network("192.168.50.0/24"), IPv4Network("192.168.51.0/24"))
    lab = RecordedLab(defined=(Network("blue", "virbr-blue", "nat", subnets=both),))
    assert Address("virbr-blue", "192.168.50.1", 24, "global") in lab.states["host"].addresses

    assert told(lab) == [("host/virbr-blue", "an address in 192.168.51.0/24", "no address in it")]
