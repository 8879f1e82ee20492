"""The part of a topology around the KVM host: LAN, router, second PC, internet, and the cables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface

from kvmlab.host import world
from kvmlab.host.links import Link, NetworkState
from kvmlab.topology import Edge, Node

#: Id of the router at the provider's end of the LAN's uplink.
_PROVIDER = "internet/provider"


def on_host(link: str) -> str:
    """Return the id of a link of the KVM host."""
    return f"host/{link}"


def link_state(link: Link) -> str:
    """Return ``up`` for a link that can carry frames, else ``down``."""
    return "up" if link.is_up and link.has_carrier else "down"


def configured(state: NetworkState, link: str) -> tuple[str, ...]:
    """Return what was configured on a link; not what it gave itself from router advertisements."""
    return tuple(
        a.cidr
        for a in state.addresses_of(link)
        if a.scope == "global" and not (a.is_dynamic and ":" in a.cidr)
    )


def world_nodes(states: Mapping[str, NetworkState]) -> Iterator[Node]:
    """Yield the LAN and the internet."""
    yield Node("lan", "lan", "LAN", _lan_subnets(states["router"]))
    for host, label in (("switch", "switch"), ("router", "router"), ("pc", "PC")):
        yield _machine(host, label, states[host], node_id=host, parent="lan")
    yield Node("internet", "internet", "internet")
    yield _machine("internet", "provider", states["internet"], node_id=_PROVIDER, parent="internet")
    for name, addresses in _servers(states["internet"]).items():
        interfaces = tuple(f"internet/{address}" for address in addresses)
        yield Node(_server(name), "server", name, tuple(addresses), "up", "internet", interfaces)


def _machine(host: str, label: str, state: NetworkState, *, node_id: str, parent: str) -> Node:
    cabled = [link for link in state.links if link.kind != "loopback"]
    lines = tuple(f"{link.name} {cidr}" for link in cabled for cidr in configured(state, link.name))
    is_up = any(link_state(link) == "up" for link in cabled)
    kind = "router" if node_id == _PROVIDER else node_id
    interfaces = tuple(f"{host}/{link.name}" for link in cabled)
    return Node(node_id, kind, label, lines, "up" if is_up else "down", parent, interfaces)


def _server(name: str) -> str:
    return f"internet/{name}"


def _lan_subnets(router: NetworkState) -> tuple[str, ...]:
    inner = {k.name for k in router.links if k.peer is not None and k.peer.netns == "switch"}
    own = (ip_interface(a.cidr) for a in router.addresses if a.link in inner and a.scope == "global")
    return tuple(dict.fromkeys(str(address.network) for address in own))


def _servers(internet: NetworkState) -> dict[str, list[str]]:
    """Return the addresses of each server, by its DNS name where it has one."""
    found: dict[str, list[str]] = {}
    for address in (a.address for a in internet.addresses_of("lo") if a.scope == "global"):
        named = (name for name, addresses in world.INTERNET_NAMES.items() if address in addresses)
        found.setdefault(next(named, address), []).append(address)
    return found


#: The hosts of the world in the order of a packet's way out; cables are drawn in this direction.
_OUTWARD = {"host": 0, "switch": 1, "router": 2, "pc": 2, "internet": 3}


@dataclass(frozen=True, slots=True)
class Cable:
    """A veth pair between two hosts of the world.

    Attributes
    ----------
    near_host, near
        The end that is nearer to the guests.
    far_host, far
        The other end.
    """

    near_host: str
    near: Link
    far_host: str
    far: Link

    @property
    def ends(self) -> tuple[str, str]:
        """Ids of the nodes that it connects."""
        return _end(self.near_host, self.near), _end(self.far_host, self.far)

    @property
    def edge(self) -> str:
        """Id of its edge."""
        return " -- ".join(self.ends)

    @property
    def trouble(self) -> str:
        """Why it carries nothing; empty if it does."""
        for host, end in ((self.near_host, self.near), (self.far_host, self.far)):
            if not end.is_up:
                return f"{end.name} set down"
            # whether a port of the KVM host's own bridges forwards shows at the bridge
            if host != "host" and end.port_state not in ("", "forwarding") and end.has_carrier:
                return f"{end.name} {end.port_state}"
        return "" if link_state(self.near) == link_state(self.far) == "up" else "no carrier"


def spanned(states: Mapping[str, NetworkState]) -> Iterator[Cable]:
    """Yield the cables between the hosts of the world, from the KVM host outward."""
    for host in sorted(states, key=_OUTWARD.__getitem__):
        for link in states[host].links:
            far_host, far = _other_end(states, link)
            if far is not None and _OUTWARD[far_host] > _OUTWARD[host]:
                yield Cable(host, link, far_host, far)


def cables(states: Mapping[str, NetworkState]) -> Iterator[Edge]:
    """Yield the cables as edges, and what the provider reaches."""
    for cable in spanned(states):
        yield Edge(*cable.ends, "", "down" if cable.trouble else "up")
    for name in _servers(states["internet"]):
        yield Edge(_PROVIDER, _server(name))


def _other_end(states: Mapping[str, NetworkState], link: Link) -> tuple[str, Link | None]:
    """Return host and link of the other end of a veth pair."""
    if link.peer is None or link.peer.netns is None:
        return "", None
    host = link.peer.netns or "host"
    state = states.get(host, NetworkState())
    return host, next((far for far in state.links if far.index == link.peer.index), None)


def _end(host: str, link: Link) -> str:
    """Return the id of the node that a cable ends at."""
    if host == "internet":
        return _PROVIDER
    return on_host(link.name) if host == "host" else host
