"""All that was read from a lab at one moment, and how its parts belong together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address, ip_interface, ip_network
from operator import attrgetter

from kvmlab.host.firewall import PortForward, RuleSet, SourceNat, port_forwards, source_nats
from kvmlab.host.links import Link, NetworkState
from kvmlab.observe.views import NetworkView, Subnet
from kvmlab.topology import GuestNic

#: Links that lead out of the host by a cable.
UPLINK_KINDS = ("veth", "physical")


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    """A libvirt network as it was at one moment; see :class:`kvmlab.observe.views.NetworkView`."""

    name: str
    bridge: str
    forward: str
    is_active: bool
    subnets: tuple[Subnet, ...] = ()
    dhcp_subnet: IPv4Network | None = None

    @classmethod
    def of(cls, view: NetworkView) -> "SeenNetwork":
        """Read all of it, once."""
        own = (view.name, view.bridge, view.forward, view.is_active)
        return cls(*own, tuple(view.subnets), view.dhcp_subnet)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a lab told of itself.

    Attributes
    ----------
    states
        Links, addresses and routes of each host of the world.
    domains
        State of each domain, by its name.
    nics
        NICs of all guests.
    networks
        The libvirt networks.
    rules
        Firewall of the KVM host.
    """

    states: Mapping[str, NetworkState]
    domains: Mapping[str, str]
    nics: Sequence[GuestNic]
    networks: Sequence[SeenNetwork]
    rules: RuleSet

    @property
    def host(self) -> NetworkState:
        """State of the KVM host."""
        return self.states["host"]

    def numbered_nics(self) -> Iterator[tuple[str, GuestNic]]:
        """Yield each NIC with the id of its node: the place in its domain."""
        count: dict[str, int] = {}
        for nic in self.nics:
            index = count.setdefault(nic.domain, 0)
            count[nic.domain] += 1
            yield f"guest/{nic.domain}/nic{index}", nic

    def network(self, name: str) -> SeenNetwork | None:
        """Return the libvirt network of that name; None if there is none."""
        return next((network for network in self.networks if network.name == name), None)

    def network_at(self, bridge: str) -> SeenNetwork | None:
        """Return the libvirt network that has this bridge as its own; None if none does."""
        own = (n for n in self.networks if n.bridge == bridge and n.forward != "bridge")
        return next(own, None)

    def subnets_at(self, link: str) -> list[Subnet]:
        """Return the subnets that the host is in through a link."""
        addresses = (a for a in self.host.addresses_of(link) if a.scope == "global")
        return list(dict.fromkeys(ip_interface(a.cidr).network for a in addresses))

    def nats_at(self, bridge: str) -> list[SourceNat]:
        """Return what the firewall does to the sources of packets from a bridge."""
        subnets = self.subnets_at(bridge)
        found = source_nats(self.rules)
        return [nat for nat in found if nat.subnet and ip_network(nat.subnet) in subnets]

    def forwards_at(self, bridge: str) -> list[PortForward]:
        """Return the ports of the host that lead to machines behind a bridge."""
        subnets = self.subnets_at(bridge)
        return [
            forward
            for forward in port_forwards(self.rules)
            if any(ip_address(_without_port(forward.to)) in subnet for subnet in subnets)
        ]

    def default_link(self, family: int = 4) -> str:
        """Return the link of the default route; empty without one."""
        routes = [r for r in self.host.routes if r.destination == "default" and r.family == family]
        return min(routes, key=attrgetter("metric")).link if routes else ""

    def own_address(self, link: str, family: int = 4) -> str:
        """Return the address that the host has on a link; its name if it has none."""
        own = (a.address for a in self.host.addresses_of(link) if a.scope == "global" and not a.is_dynamic)
        return next((address for address in own if (":" in address) == (family == 6)), link)

    def leads_out(self, bridge: str) -> bool:
        """Whether a bridge has a port that is no guest's: it is one network with what is behind it."""
        return any(port.kind != "tap" for port in self.host.ports(bridge))

    def below(self, link: Link) -> str:
        """Return the link that a tap or a macvlan hands its frames to; empty if none."""
        return link.redirect if link.kind == "tap" else link.lower


def _without_port(to: str) -> str:
    if to.startswith("["):
        return to[1:].split("]", 1)[0]
    return to.split(":", 1)[0] if to.count(":") == 1 else to
