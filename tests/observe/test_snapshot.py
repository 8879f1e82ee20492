"""What a snapshot of a recorded lab shows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kvmlab.host.firewall import RuleSet
from kvmlab.host.links import Address, Link, Peer
from kvmlab.topology import GuestNic, GuestVlan, Topology
from observe.recorded import Domain, Network, RecordedLab, edge, rules_in, taken


def walk(topology: Topology, start: str) -> list[str]:
    """Ids along the path outward from a node, the first way at a fork."""
    path = [start]
    while following := [edge.target for edge in topology.edges if edge.source == path[-1]]:
        path.append(following[0])
    return path


def test_the_path_from_a_nic_to_the_internet_is_complete() -> None:
    path = walk(taken(), "guest/vm1/nic1")

    assert path == [
        "guest/vm1/nic1",
        "host/vnet1",
        "host/virbr-blue",
        "host/virbr-blue/nat",
        "host/enp1s0",
        "switch",
        "router",
        "internet/provider",
        "internet/dns.google",
    ]


def test_a_healthy_lab_has_nothing_down() -> None:
    topology = taken()

    assert {node.state for node in topology.nodes} == {"up"}
    assert {edge.state for edge in topology.edges} == {"up"}
    assert list(topology.findings) == []


@pytest.mark.parametrize(
    ("node_id", "label", "lines"),
    [
        (
            "guest/vm2/nic1",
            "eth0 rtl8139",
            ("192.168.50.22/24", "driver 8139cp", "52:54:00:aa:02:01"),
        ),
        ("host/virbr-blue", "virbr-blue", ("network blue", "192.168.50.1/24", "52:54:00:b1:0e:01", "STP on")),
        ("host/enp1s0", "enp1s0", ("192.168.1.10/24", "2001:db8:1::10/64", "02:4b:56:4d:01:10")),
        ("host/enp2s0", "enp2s0", ("02:4b:56:4d:02:10",)),
        (
            "host/virbr-blue/nat",
            "NAT",
            ("192.168.50.0/24 as 192.168.1.10", "tcp 8080 to 192.168.50.11:80"),
        ),
        ("lan", "LAN", ("192.168.1.0/24", "2001:db8:1::/64")),
        ("pc", "PC", ("eth0 192.168.1.20/24", "eth0 2001:db8:1::20/64")),
        ("internet/www.example.com", "www.example.com", ("198.51.100.10", "2001:db8:ff:80::10")),
    ],
)
def test_a_node_tells_what_is_known(node_id: str, label: str, lines: tuple[str, ...]) -> None:
    node = taken().node(node_id)

    assert node is not None
    assert (node.label, node.lines) == (label, lines)


def test_the_accelerator_is_visible() -> None:
    host = taken().node("host")

    assert host is not None
    assert host.lines == ("guests run on tcg",)


def test_a_guest_that_is_off_is_shown_as_such() -> None:
    nic = GuestNic("vm3", "shut off", "e1000e", "52:54:00:aa:03:00", network="blue", bridge="virbr-blue")
    lab = RecordedLab()
    lab.nics += (nic,)

    topology = taken(lab)

    assert [(n.label, n.lines, n.state) for n in topology.nodes if n.id.startswith("guest/vm3")] == [
        ("vm3", ("shut off",), "off"),
        ("NIC 0 e1000e", ("52:54:00:aa:03:00",), "off"),
    ]
    assert edge(topology, "guest/vm3/nic0", "host/virbr-blue").state == "off"


def test_a_guest_without_a_nic_is_there_too() -> None:
    topology = taken(RecordedLab(bare=(Domain("vm9", "paused"),)))

    node = topology.node("guest/vm9")
    assert node is not None
    assert (node.lines, node.state) == (("paused",), "off")
    assert topology.children("guest/vm9") == ()


def test_a_nic_without_carrier_is_down() -> None:
    topology = taken(RecordedLab().with_nic(0, has_carrier=False))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert nic.state == "down"
    assert edge(topology, "guest/vm1/nic0", "host/vnet0").state == "down"


def test_a_nic_without_address_says_so() -> None:
    topology = taken(RecordedLab().with_nic(0, addresses=("fe80::1/64",)))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert nic.lines == ("no address", "driver virtio_net", "52:54:00:aa:01:00")


def test_a_guest_that_says_nothing_is_silent_not_broken() -> None:
    topology = taken(RecordedLab().with_nic(0, told_by="", link="", driver="", addresses=(), is_up=None))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert (nic.lines, nic.state) == (("guest is silent", "52:54:00:aa:01:00"), "up")
    assert list(topology.findings) == []


def test_vlans_in_a_guest_show_at_their_nic_and_are_seen_there() -> None:
    vlan = GuestVlan("eth1.10", 10, ("10.0.10.1/24", "fe80::1/64"))

    nic = taken(RecordedLab().with_nic(0, vlans=(vlan,))).node("guest/vm1/nic0")

    assert nic is not None
    assert "eth1.10 VLAN 10 10.0.10.1/24" in nic.lines
    assert nic.interfaces == ("vm1/eth1", "vm1/eth1.10")


def test_a_nic_in_a_bond_of_the_guest_names_it() -> None:
    nic = taken(RecordedLab().with_nic(0, addresses=(), master="bond0")).node("guest/vm1/nic0")

    assert nic is not None
    assert nic.lines == ("port of bond0", "driver virtio_net", "52:54:00:aa:01:00")


def test_a_nic_whose_tap_is_gone_is_down() -> None:
    topology = taken(RecordedLab().with_nic(0, tap="vnet9"))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert nic.state == "down"


def test_a_tap_that_left_its_bridge_is_missing_there() -> None:
    topology = taken(RecordedLab().with_link("host", "vnet1", master="", port_state=""))

    assert edge(topology, "host/vnet1", "host/virbr-blue").state == "missing"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("forwarding", "up")),
        ({"port_state": "learning"}, ("learning", "down")),
        ({"is_isolated": True}, ("forwarding\nisolated", "up")),
        ({"port_state": "blocking", "is_isolated": True}, ("blocking\nisolated", "down")),
        (
            {"vlans": ("1 PVID Egress Untagged", "20")},
            ("forwarding\nVLAN 1 PVID untagged\nVLAN 20", "up"),
        ),
    ],
)
def test_a_port_says_its_state(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    topology = taken(RecordedLab().with_link("host", "vnet0", **changes))

    found = edge(topology, "host/vnet0", "host/virbr-blue")
    assert (found.label, found.state) == expected


def test_an_empty_bridge_is_not_down() -> None:
    lab = RecordedLab(nics=()).with_link("host", "virbr-blue", has_carrier=False, state="down")

    bridge = taken(lab).node("host/virbr-blue")

    assert bridge is not None
    assert bridge.state == "up"


def test_a_bridge_that_was_set_down_is_down() -> None:
    bridge = taken(RecordedLab().with_link("host", "virbr-blue", is_up=False)).node("host/virbr-blue")

    assert bridge is not None
    assert bridge.state == "down"


def test_nat_without_its_rule_is_missing() -> None:
    topology = taken(RecordedLab(rules=RuleSet()))

    nat = topology.node("host/virbr-blue/nat")
    assert nat is not None
    assert (nat.lines, nat.state) == ((), "down")
    assert edge(topology, "host/virbr-blue", "host/virbr-blue/nat").state == "missing"


def test_nat_made_by_hand_is_seen_without_a_libvirt_network() -> None:
    topology = taken(RecordedLab(defined=()))

    nat = topology.node("host/virbr-blue/nat")
    assert nat is not None
    assert nat.state == "up"


def test_source_nat_shows_the_address_it_takes() -> None:
    text = (
        "*nat\n[0:0] -A POSTROUTING -s 192.168.50.0/24 -o enp2s0 -j SNAT --to-source 192.168.1.11\nCOMMIT\n"
    )

    topology = taken(RecordedLab(rules=rules_in(text)))

    nat = topology.node("host/virbr-blue/nat")
    assert nat is not None
    assert nat.lines == ("192.168.50.0/24 as 192.168.1.11",)
    assert edge(topology, "host/virbr-blue/nat", "host/enp2s0").label == "snat"


def test_what_the_rules_do_is_said_at_the_edges() -> None:
    topology = taken()

    assert edge(topology, "host/virbr-blue", "host/virbr-blue/nat").label == "out: accept\nin: answers only"
    assert edge(topology, "host/virbr-blue/nat", "host/enp1s0").label == "masquerade"


#: A forward mode that says nothing of the rules, so that they must have been read.
MODE = "open"


@pytest.mark.parametrize(
    ("rules", "forwards", "expected"),
    [
        ("", (4, 6), ("out: accept\nin: accept", "up")),
        ("[0:0] -A FORWARD -i virbr-blue -j DROP\n", (4, 6), ("out: drop\nin: accept", "up")),
        ("[0:0] -A FORWARD -j REJECT\n", (4, 6), ("out: reject\nin: reject", "blocked")),
        ("", (), ("not forwarded:\nthe host is no router", "blocked")),
    ],
)
def test_without_nat_an_edge_to_the_uplink_says_what_passes(
    rules: str, forwards: tuple[int, ...], expected: tuple[str, str]
) -> None:
    table = rules_in(f"*filter\n:FORWARD ACCEPT [0:0]\n{rules}COMMIT\n")
    lab = RecordedLab(defined=(Network("blue", "virbr-blue", MODE),), rules=table)
    lab.states["host"] = replace(lab.states["host"], forwards=forwards)

    topology = taken(lab)

    found = edge(topology, "host/virbr-blue", "host/enp1s0")
    assert (found.label, found.state, found.kind) == (*expected, "forward")
    assert topology.node("host/virbr-blue/nat") is None


def test_both_versions_of_ip_are_told_apart_where_they_differ() -> None:
    lab = RecordedLab(rules=RuleSet(), defined=())
    address = Address("virbr-blue", "2001:db8:50::1", 64, "global")
    lab.states["host"] = replace(lab.states["host"], addresses=(*lab.states["host"].addresses, address))

    topology = taken(lab)

    assert edge(topology, "host/virbr-blue", "host/enp1s0").label.splitlines() == [
        "IPv4 out: accept",
        "IPv4 in: accept",
        "IPv6 not forwarded:",
        "IPv6 the host is no router",
    ]


def test_a_bridge_without_an_address_leads_nowhere() -> None:
    lab = RecordedLab(defined=(), rules=RuleSet())
    own = tuple(a for a in lab.states["host"].addresses if a.link != "virbr-blue")
    lab.states["host"] = replace(lab.states["host"], addresses=own)

    assert walk(taken(lab), "guest/vm1/nic0") == ["guest/vm1/nic0", "host/vnet0", "host/virbr-blue"]


def test_an_uplink_that_is_a_port_of_the_bridge_is_behind_it() -> None:
    lab = RecordedLab(rules=RuleSet(), defined=())

    topology = taken(lab.with_link("host", "enp2s0", master="virbr-blue", port_state="forwarding"))

    assert walk(topology, "guest/vm1/nic0")[2:5] == ["host/virbr-blue", "host/enp2s0", "switch"]


def test_a_macvlan_sits_on_its_lower_link() -> None:
    lab = RecordedLab()
    macvlan = Link(
        90, "mv0", "macvlan", "02:00:00:00:00:05", 1500, "up", True, True, lower="enp1s0", mode="bridge"
    )
    lab.states["host"] = replace(lab.states["host"], links=(*lab.states["host"].links, macvlan))

    topology = taken(lab)

    node = topology.node("host/mv0")
    assert node is not None
    assert (node.kind, node.lines) == (
        "macvlan",
        ("macvlan on enp1s0", "mode bridge", "02:00:00:00:00:05"),
    )
    assert walk(topology, "host/mv0")[1] == "host/enp1s0"


def test_a_vlan_that_is_a_port_of_a_bridge_is_between_bridge_and_uplink() -> None:
    lab = RecordedLab(rules=RuleSet(), defined=())
    vlan = Link(
        90, "enp2s0.10", "vlan", is_up=True, has_carrier=True, master="virbr-blue", lower="enp2s0", vlan_id=10
    )
    vlan = replace(vlan, port_state="forwarding")
    lab.states["host"] = replace(lab.states["host"], links=(*lab.states["host"].links, vlan))

    topology = taken(lab)

    assert walk(topology, "host/virbr-blue")[:3] == ["host/virbr-blue", "host/enp2s0.10", "host/enp2s0"]
    assert edge(topology, "host/enp2s0.10", "host/enp2s0").label == "VLAN 10"


def test_user_mode_is_a_process_between_nic_and_uplink() -> None:
    lab = RecordedLab().with_nic(
        0, kind="user", source="passt", forwards=("tcp 80 to 8080",), tap="", network=""
    )

    topology = taken(lab.with_nic(0, bridge=""))

    assert walk(topology, "guest/vm1/nic0")[1:3] == ["guest/vm1/nic0/user", "host/enp1s0"]
    node = topology.node("guest/vm1/nic0/user")
    assert node is not None
    assert (node.kind, node.lines) == ("user", ("passt", "as 192.168.1.10", "tcp 80 to 8080"))


def test_nics_of_one_multicast_group_meet_there() -> None:
    lab = RecordedLab()
    for index in (0, 2):
        lab.with_nic(index, kind="mcast", source="230.0.0.1:5558", tap="", network="", bridge="")

    topology = taken(lab)

    group = "host/mcast/230.0.0.1:5558"
    assert [e.source for e in topology.edges if e.target == group] == ["guest/vm1/nic0", "guest/vm2/nic0"]


def test_both_ends_of_a_udp_tunnel_meet_in_it() -> None:
    one, other = "127.0.0.1:5001", "127.0.0.1:5002"
    lab = RecordedLab().with_nic(0, kind="udp", source=one, peer=other, tap="", network="", bridge="")
    lab.with_nic(2, kind="udp", source=other, peer=one, tap="", network="", bridge="")

    topology = taken(lab)

    (tunnel,) = [node for node in topology.nodes if node.kind == "socket"]
    assert tunnel.lines == (one, other, "between QEMU processes")
    assert [e.source for e in topology.edges if e.target == tunnel.id] == ["guest/vm1/nic0", "guest/vm2/nic0"]


def test_a_network_that_is_not_started_is_there_but_off() -> None:
    more = Network("red", "virbr-red", "", is_active=False)

    node = taken(RecordedLab(defined=(Network("blue", "virbr-blue", "nat"), more))).node("host/virbr-red")

    assert node is not None
    assert (node.lines, node.state) == (("network red", "inactive"), "off")


def test_a_pulled_cable_is_down() -> None:
    topology = taken(RecordedLab().with_link("switch", "port1", has_carrier=False))

    assert edge(topology, "host/enp1s0", "switch").state == "down"


def test_a_disabled_port_of_the_switch_is_named() -> None:
    topology = taken(RecordedLab().with_link("switch", "port4", port_state="disabled"))

    assert edge(topology, "switch", "pc").state == "down"
    assert [finding.actual for finding in topology.findings] == ["port4 disabled"]


def test_a_cable_to_somewhere_unknown_is_left_out() -> None:
    topology = taken(RecordedLab().with_link("host", "enp2s0", peer=Peer(3, None)))

    assert not [e for e in topology.edges if e.source == "host/enp2s0"]


def test_a_server_without_a_name_is_called_by_its_address() -> None:
    lab = RecordedLab()
    internet = lab.states["internet"]
    address = Address("lo", "192.0.2.80", 32, "global")
    lab.states["internet"] = replace(internet, addresses=(*internet.addresses, address))

    topology = taken(lab)

    assert edge(topology, "internet/provider", "internet/192.0.2.80").state == "up"


def addresses_from_router_advertisements(lab: RecordedLab) -> None:
    host = lab.states["host"]
    more = Address("enp2s0", "2001:db8:1:0:4b:56ff:fe4d:210", 64, "global", is_dynamic=True)
    lab.states["host"] = replace(host, addresses=(*(a for a in host.addresses if a != more), more))


def counters_of_the_firewall(lab: RecordedLab) -> None:
    counted = (replace(rule, packets=(rule.packets or 0) + 5) for rule in lab.rules)
    lab.rules = RuleSet(counted, lab.rules.chains)


@pytest.mark.parametrize("change", [addresses_from_router_advertisements, counters_of_the_firewall])
def test_what_changes_by_itself_does_not_change_the_picture(change: Callable[[RecordedLab], None]) -> None:
    lab = RecordedLab()
    change(lab)

    assert taken(lab) == taken()
