"""A lab that was recorded while it ran: a NAT network with two guests, each with two NICs."""

import json
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from kvmlab import observe
from kvmlab.host import firewall
from kvmlab.host.chains import base_chains
from kvmlab.host.firewall import RuleSet
from kvmlab.host.links import NetworkState
from kvmlab.topology import Edge, GuestNic, Topology

DATA = Path(__file__).parents[1] / "data"


NET = IPv4Network("192.168.50.0/24")


@dataclass(frozen=True)
class Network:
    name: str
    bridge: str
    forward: str
    is_active: bool = True
    subnets: tuple[IPv4Network, ...] = (NET,)
    dhcp_subnet: IPv4Network | None = NET


def recorded_states() -> dict[str, NetworkState]:
    data = json.loads((DATA / "netlink/nat.json").read_text(encoding="utf-8"))
    return {host: NetworkState.from_dict(state) for host, state in data.items()}


def rules_in(text: str) -> RuleSet:
    """What ``iptables-save`` printed, as the rules of a host."""
    return RuleSet(firewall.parse_iptables(text), base_chains("", {"ip": text}))


def recorded_rules() -> RuleSet:
    return rules_in((DATA / "nft/debian12-iptables.txt").read_text(encoding="utf-8"))


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
            kind="network",
            is_up=True,
            told_by="guest",
        )
        for guest in (1, 2)
        for index, (model, link, driver) in enumerate(models)
    )


@dataclass(frozen=True)
class Domain:
    name: str
    state: str = "running"


@dataclass
class RecordedLab:
    """A lab that answers what was recorded."""

    name: str = "nat"
    accelerator: str = "tcg"
    states: dict[str, NetworkState] = field(default_factory=recorded_states)
    nics: tuple[GuestNic, ...] = field(default_factory=recorded_nics)
    defined: tuple[Network, ...] = (Network("blue", "virbr-blue", "nat"),)
    rules: RuleSet = field(default_factory=recorded_rules)
    bare: tuple[Domain, ...] = ()

    def network_state(self) -> dict[str, NetworkState]:
        return dict(self.states)  # of this moment

    def domains(self) -> tuple[Domain, ...]:
        return tuple({nic.domain: Domain(nic.domain, nic.state) for nic in self.nics}.values()) + self.bare

    def guest_nics(self) -> tuple[GuestNic, ...]:
        return self.nics

    def networks(self) -> tuple[Network, ...]:
        return self.defined

    def firewall_rules(self) -> RuleSet:
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


def edge(topology: Topology, source: str, target: str) -> Edge:
    return next(edge for edge in topology.edges if (edge.source, edge.target) == (source, target))
