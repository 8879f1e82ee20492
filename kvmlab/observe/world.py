"""The part of a topology around the KVM host: LAN, router, second PC, internet, and the cables."""

from collections.abc import Iterator, Mapping
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
        yield _machine("lan", label, states[host], node_id=host)
    yield Node("internet", "internet", "internet")
    yield _machine("internet", "provider", states["internet"], node_id=_PROVIDER)
    for name, addresses in _servers(states["internet"]).items():
        yield Node(_server(name), "server", name, tuple(addresses), parent="internet")


def _machine(parent: str, label: str, state: NetworkState, *, node_id: str) -> Node:
    cabled = [link for link in state.links if link.kind != "loopback"]
    lines = tuple(f"{link.name} {cidr}" for link in cabled for cidr in configured(state, link.name))
    is_up = any(link_state(link) == "up" for link in cabled)
    kind = "router" if node_id == _PROVIDER else node_id
    return Node(node_id, kind, label, lines, "up" if is_up else "down", parent)


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


def cables(states: Mapping[str, NetworkState]) -> Iterator[Edge]:
    """Yield the veth pairs between the hosts of the world, and what the provider reaches."""
    for host in sorted(states, key=_OUTWARD.__getitem__):
        for link in states[host].links:
            far_host, far = _other_end(states, link)
            if far is None or _OUTWARD[far_host] <= _OUTWARD[host]:
                continue
            label, state = _cable(link, far)
            yield Edge(_end(host, link), _end(far_host, far), label, state)
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


def _cable(near: Link, far: Link) -> tuple[str, str]:
    """Return label and state of a cable from its two ends."""
    for end in (near, far):
        if end.port_state and end.port_state != "forwarding":
            return f"{end.name} {end.port_state}", "down"
    is_up = link_state(near) == link_state(far) == "up"
    return "", "up" if is_up else "down"
