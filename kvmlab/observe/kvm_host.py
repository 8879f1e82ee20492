"""The part of a topology on the KVM host: guests, taps, bridges, NAT, uplinks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from itertools import groupby
from operator import attrgetter

from kvmlab.host.firewall import PortForward, Rule, SourceNat, port_forwards, source_nats
from kvmlab.host.links import Link, NetworkState
from kvmlab.observe.views import NetworkView
from kvmlab.observe.world import configured, link_state, on_host
from kvmlab.topology import Edge, GuestNic, Node

_Subnet = IPv4Network | IPv6Network


def guest_nodes(nics: Sequence[GuestNic], host: NetworkState) -> Iterator[Node]:
    """Yield each guest and its NICs."""
    for domain, own in groupby(nics, key=attrgetter("domain")):
        for index, nic in enumerate(own):
            if index == 0:
                is_on = nic.state == "running"
                lines = () if is_on else (nic.state,)
                yield Node(f"guest/{domain}", "guest", domain, lines, "up" if is_on else "off", "host")
            yield _nic_node(nic, index, host)


def _nic_node(nic: GuestNic, index: int, host: NetworkState) -> Node:
    lines = [address for address in nic.addresses if not ip_interface(address).is_link_local]
    state = "up"
    if nic.state != "running":
        state = "off"
    else:
        lines = lines or ["no address"]
        lines.append(f"driver {nic.driver}" if nic.driver else "no driver")
        if nic.has_carrier is False:
            state = "down"
        if nic.tap and host.link(nic.tap) is None:
            state = "down"
            lines.append(f"{nic.tap} is gone")
    label = f"{nic.link or f'NIC {index}'} {nic.model}"
    return Node(_nic_id(nic, index), "nic", label, (*lines, nic.mac), state, f"guest/{nic.domain}")


def _nic_id(nic: GuestNic, index: int) -> str:
    return f"guest/{nic.domain}/nic{index}"


@dataclass(frozen=True, slots=True)
class KvmHost:
    """The KVM host: its links, what libvirt calls them, what the firewall does between them.

    Attributes
    ----------
    state
        Its links, addresses and routes.
    networks
        The libvirt networks.
    rules
        Its firewall rules.
    """

    state: NetworkState
    networks: tuple[NetworkView, ...]
    rules: tuple[Rule, ...]

    def nodes(self) -> Iterator[Node]:
        """Yield bridges, NAT, taps and uplinks, in the order of their link indexes."""
        for link in self.state.links:
            if link.kind == "bridge":
                yield self._bridge_node(link)
                yield from self._nat_nodes(link)
            elif link.kind == "tap":
                yield Node(on_host(link.name), "tap", link.name, (), link_state(link), "host")
            elif link.kind != "loopback":
                yield self._other_node(link)

    def _bridge_node(self, bridge: Link) -> Node:
        network = self._network(bridge)
        named = (f"network {network.name}",) if network else ()
        stp = f"STP {'on' if bridge.stp else 'off'}"
        lines = (*named, *configured(self.state, bridge.name), bridge.mac, stp)
        # A bridge has no carrier until its first port has one: that is not a fault.
        return Node(
            on_host(bridge.name), "bridge", bridge.name, lines, "up" if bridge.is_up else "down", "host"
        )

    def _other_node(self, link: Link) -> Node:
        kind = link.kind if link.lower else "uplink"
        lines = (*configured(self.state, link.name), link.mac, *filter(None, (link.mode,)))
        return Node(on_host(link.name), kind, link.name, lines, link_state(link), "host")

    def _nat_nodes(self, bridge: Link) -> Iterator[Node]:
        network, nats = self._network(bridge), self._nats(bridge)
        state = "up"
        if nats:
            lines = tuple(dict.fromkeys(line for nat in nats for line in self._nat_lines(nat)))
        elif network is not None and network.forward == "nat" and network.is_active:
            lines, state = ("no rule",), "down"
        else:
            return
        forwards = (f"{f.protocol} {f.port} to {f.to}".strip() for f in self._forwards(bridge))
        yield Node(_nat_of(bridge), "nat", "NAT", (*lines, *forwards), state, "host")

    def _nat_lines(self, nat: SourceNat) -> tuple[str, str]:
        family = 6 if ":" in nat.subnet else 4
        uplink = nat.link or self._default_link(family)
        own = (a.address for a in self.state.addresses_of(uplink) if a.scope == "global" and not a.is_dynamic)
        to = nat.to or next((address for address in own if (":" in address) == (family == 6)), uplink)
        return "snat" if nat.to else "masquerade", f"{nat.subnet} as {to}"

    def _network(self, bridge: Link) -> NetworkView | None:
        return next((network for network in self.networks if network.bridge == bridge.name), None)

    def _subnets(self, bridge: Link) -> list[_Subnet]:
        return [
            ip_interface(a.cidr).network for a in self.state.addresses_of(bridge.name) if a.scope == "global"
        ]

    def _nats(self, bridge: Link) -> list[SourceNat]:
        subnets = self._subnets(bridge)
        return [nat for nat in source_nats(self.rules) if nat.subnet and ip_network(nat.subnet) in subnets]

    def _forwards(self, bridge: Link) -> list[PortForward]:
        subnets = self._subnets(bridge)
        return [
            forward
            for forward in port_forwards(self.rules)
            if any(ip_address(_without_port(forward.to)) in subnet for subnet in subnets)
        ]

    def _default_link(self, family: int = 4) -> str:
        routes = [r for r in self.state.routes if r.destination == "default" and r.family == family]
        return min(routes, key=attrgetter("metric")).link if routes else ""

    def guest_edges(self, nics: Sequence[GuestNic]) -> Iterator[Edge]:
        """Yield what leads from each NIC to its tap and on to its bridge."""
        for _domain, own in groupby(nics, key=attrgetter("domain")):
            for index, nic in enumerate(own):
                tap = self.state.link(nic.tap)
                if tap is None:
                    continue
                state = "down" if nic.has_carrier is False else link_state(tap)
                yield Edge(_nic_id(nic, index), on_host(tap.name), "", state)
                if not tap.master and nic.bridge:
                    yield Edge(on_host(tap.name), on_host(nic.bridge), "not a port", "missing")

    def edges(self) -> Iterator[Edge]:
        """Yield ports of bridges, links on links, and what the host forwards."""
        for link in self.state.links:
            if link.master:
                ends = on_host(link.name), on_host(link.master)
                ends = ends if link.kind == "tap" else ends[::-1]
                yield Edge(*ends, *_port(link))
            elif link.lower:
                yield Edge(on_host(link.name), on_host(link.lower), "", link_state(link))
            if link.kind == "tap" and link.redirect:
                yield Edge(on_host(link.name), on_host(link.redirect), "", link_state(link))
            if link.kind == "bridge":
                yield from self._forward_edges(link)

    def _forward_edges(self, bridge: Link) -> Iterator[Edge]:
        network, nats = self._network(bridge), self._nats(bridge)
        mode = network.forward if network else ""
        uplink = next((nat.link for nat in nats if nat.link), self._default_link())
        if nats or mode == "nat":
            yield Edge(on_host(bridge.name), _nat_of(bridge), "", "up" if nats else "missing")
            yield Edge(_nat_of(bridge), on_host(uplink), "", "up" if nats else "missing")
        elif mode in ("route", "open"):
            yield Edge(on_host(bridge.name), on_host(uplink), mode)


def _nat_of(bridge: Link) -> str:
    return f"host/{bridge.name}/nat"


def _without_port(to: str) -> str:
    if to.startswith("["):
        return to[1:].split("]", 1)[0]
    return to.split(":", 1)[0] if to.count(":") == 1 else to


def _port(link: Link) -> tuple[str, str]:
    """Return label and state of a bridge port."""
    words = [] if link.port_state == "forwarding" else [link.port_state]
    words += ["isolated"] if link.is_isolated else []
    return ", ".join(words), "up" if link.port_state == "forwarding" else "down"
