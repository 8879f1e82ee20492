"""Snapshots of a lab that was recorded while it ran: a NAT network with two guests, each with two NICs."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kvmlab import observe
from kvmlab.host import firewall
from kvmlab.host.firewall import Rule
from kvmlab.host.links import Address, Link, NetworkState, Peer
from kvmlab.topology import Edge, GuestNic, Topology

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Network:
    name: str
    bridge: str
    forward: str
    is_active: bool = True


def recorded_states() -> dict[str, NetworkState]:
    data = json.loads((DATA / "netlink/nat.json").read_text(encoding="utf-8"))
    return {host: NetworkState.from_dict(state) for host, state in data.items()}


def recorded_rules() -> tuple[Rule, ...]:
    return firewall.parse_iptables((DATA / "nft/debian12-iptables.txt").read_text(encoding="utf-8"))


def recorded_nics() -> tuple[GuestNic, ...]:
    models = (("virtio", "eth1", "virtio_net"), ("rtl8139", "eth0", "8139cp"))
    return tuple(
        GuestNic(
            domain=f"vm{guest}",
            state="running",
            model=model,
            mac=f"52:54:00:aa:0{guest}:0{index}",
            tap=f"vnet{2 * (guest - 1) + index}",
            network="blue",
            bridge="virbr-blue",
            link=link,
            driver=driver,
            addresses=(f"192.168.50.{guest}{index + 1}/24", f"fe80::5054:ff:feaa:{guest}0{index}/64"),
            has_carrier=True,
        )
        for guest in (1, 2)
        for index, (model, link, driver) in enumerate(models)
    )


@dataclass
class RecordedLab:
    """A lab that answers what was recorded."""

    name: str = "nat"
    accelerator: str = "tcg"
    states: dict[str, NetworkState] = field(default_factory=recorded_states)
    nics: tuple[GuestNic, ...] = field(default_factory=recorded_nics)
    defined: tuple[Network, ...] = (Network("blue", "virbr-blue", "nat"),)
    rules: tuple[Rule, ...] = field(default_factory=recorded_rules)

    def network_state(self) -> dict[str, NetworkState]:
        return self.states

    def guest_nics(self) -> tuple[GuestNic, ...]:
        return self.nics

    def networks(self) -> tuple[Network, ...]:
        return self.defined

    def firewall_rules(self) -> tuple[Rule, ...]:
        return self.rules

    def with_link(self, host: str, name: str, **changes: Any) -> "RecordedLab":
        """Change a link of a host."""
        links = tuple(replace(k, **changes) if k.name == name else k for k in self.states[host].links)
        self.states[host] = replace(self.states[host], links=links)
        return self

    def with_nic(self, index: int, **changes: Any) -> "RecordedLab":
        """Change a NIC of a guest."""
        self.nics = tuple(replace(nic, **changes) if i == index else nic for i, nic in enumerate(self.nics))
        return self


def taken(lab: RecordedLab | None = None) -> Topology:
    return observe.snapshot(lab or RecordedLab())


def walk(topology: Topology, start: str) -> list[str]:
    """Ids along the path outward from a node, the first way at a fork."""
    path = [start]
    while following := [edge.target for edge in topology.edges if edge.source == path[-1]]:
        path.append(following[0])
    return path


def edge(topology: Topology, source: str, target: str) -> Edge:
    return next(edge for edge in topology.edges if (edge.source, edge.target) == (source, target))


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
    assert {(edge.label, edge.state) for edge in topology.edges} == {("", "up")}


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
            ("masquerade", "192.168.50.0/24 as 192.168.1.10", "tcp 8080 to 192.168.50.11:80"),
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
    assert not [e for e in topology.edges if e.source.startswith("guest/vm3")]


def test_a_nic_without_carrier_is_down() -> None:
    topology = taken(RecordedLab().with_nic(0, has_carrier=False))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert nic.state == "down"
    assert edge(topology, "guest/vm1/nic0", "host/vnet0").state == "down"


def test_a_nic_without_address_and_driver_says_so() -> None:
    topology = taken(RecordedLab().with_nic(0, addresses=("fe80::1/64",), driver=""))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert nic.lines == ("no address", "no driver", "52:54:00:aa:01:00")


def test_a_nic_whose_tap_is_gone_is_down() -> None:
    topology = taken(RecordedLab().with_nic(0, tap="vnet9"))

    nic = topology.node("guest/vm1/nic0")
    assert nic is not None
    assert (nic.state, "vnet9 is gone" in nic.lines) == ("down", True)


def test_a_tap_that_left_its_bridge_is_missing_there() -> None:
    topology = taken(RecordedLab().with_link("host", "vnet1", master="", port_state=""))

    assert edge(topology, "host/vnet1", "host/virbr-blue") == Edge(
        "host/vnet1", "host/virbr-blue", "not a port", "missing"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"port_state": "learning"}, ("learning", "down")),
        ({"is_isolated": True}, ("isolated", "up")),
        ({"port_state": "blocking", "is_isolated": True}, ("blocking, isolated", "down")),
    ],
)
def test_what_is_unusual_about_a_port_is_said(changes: dict[str, Any], expected: tuple[str, str]) -> None:
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
    topology = taken(RecordedLab(rules=()))

    nat = topology.node("host/virbr-blue/nat")
    assert nat is not None
    assert (nat.lines, nat.state) == (("no rule",), "down")
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

    topology = taken(RecordedLab(rules=firewall.parse_iptables(text)))

    nat = topology.node("host/virbr-blue/nat")
    assert nat is not None
    assert nat.lines == ("snat", "192.168.50.0/24 as 192.168.1.11")
    assert edge(topology, "host/virbr-blue/nat", "host/enp2s0").state == "up"


@pytest.mark.parametrize("mode", ["route", "open"])
def test_a_routed_network_leads_to_the_uplink_without_nat(mode: str) -> None:
    topology = taken(RecordedLab(defined=(Network("blue", "virbr-blue", mode),), rules=()))

    assert edge(topology, "host/virbr-blue", "host/enp1s0").label == mode
    assert topology.node("host/virbr-blue/nat") is None


def test_an_isolated_network_leads_nowhere() -> None:
    topology = taken(RecordedLab(defined=(Network("blue", "virbr-blue", ""),), rules=()))

    assert walk(topology, "guest/vm1/nic0") == ["guest/vm1/nic0", "host/vnet0", "host/virbr-blue"]


def test_an_uplink_that_is_a_port_of_the_bridge_is_behind_it() -> None:
    lab = RecordedLab(rules=(), defined=())

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
    assert (node.kind, node.lines) == ("macvlan", ("02:00:00:00:00:05", "bridge"))
    assert walk(topology, "host/mv0")[1] == "host/enp1s0"


def test_a_pulled_cable_is_down() -> None:
    topology = taken(RecordedLab().with_link("switch", "port1", has_carrier=False))

    assert edge(topology, "host/enp1s0", "switch").state == "down"


def test_a_disabled_port_of_the_switch_is_named() -> None:
    topology = taken(RecordedLab().with_link("switch", "port4", port_state="disabled"))

    found = edge(topology, "switch", "pc")
    assert (found.label, found.state) == ("port4 disabled", "down")


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
    lab.rules = tuple(replace(rule, packets=(rule.packets or 0) + 5) for rule in lab.rules)


@pytest.mark.parametrize("change", [addresses_from_router_advertisements, counters_of_the_firewall])
def test_what_changes_by_itself_does_not_change_the_picture(change: Callable[[RecordedLab], None]) -> None:
    lab = RecordedLab()
    change(lab)

    assert taken(lab) == taken()
