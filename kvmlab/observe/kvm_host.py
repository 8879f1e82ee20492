"""The part of a topology that the KVM host is: bridges and their ports, taps, uplinks, and links on links."""

from collections.abc import Iterator

from kvmlab.host.links import Link
from kvmlab.observe.seen import UPLINK_KINDS, Seen
from kvmlab.observe.world import configured, link_state, on_host
from kvmlab.topology import Edge, Node


def host_nodes(seen: Seen) -> Iterator[Node]:
    """Yield the links of the host in the order of their indexes, and bridges that are not there yet."""
    for link in seen.host.links:
        if link.kind == "bridge":
            yield _bridge_node(link, seen)
        elif link.kind != "loopback":
            yield _link_node(link, seen)
    for network in seen.networks:
        if network.bridge and seen.host.link(network.bridge) is None:
            lines = (f"network {network.name}", "" if network.is_active else "inactive")
            yield Node(
                on_host(network.bridge),
                "bridge",
                network.bridge,
                tuple(filter(None, lines)),
                "down" if network.is_active else "off",
                "host",
            )


def _node(link: Link, kind: str, lines: tuple[str, ...], state: str) -> Node:
    return Node(on_host(link.name), kind, link.name, lines, state, "host", (f"host/{link.name}",))


def _bridge_node(bridge: Link, seen: Seen) -> Node:
    network = seen.network_at(bridge.name)
    named = (f"network {network.name}",) if network else ()
    stp = f"STP {'on' if bridge.stp else 'off'}"
    tags = ("looks at VLAN tags",) if bridge.vlan_filtering else ()
    lines = (*named, *configured(seen.host, bridge.name), bridge.mac, stp, *tags)
    # A bridge has no carrier until its first port has one: that is not a fault.
    return _node(bridge, "bridge", lines, "up" if bridge.is_up else "down")


def _link_node(link: Link, seen: Seen) -> Node:
    if link.kind == "tap":
        return _node(link, "tap", (), link_state(link))
    kind = "uplink" if link.kind in UPLINK_KINDS else link.kind
    about = (_about(link),) if link.lower else ()
    mode = (f"mode {link.mode}",) if link.mode else ()
    lines = (*about, *mode, *configured(seen.host, link.name), link.mac)
    return _node(link, kind, lines, link_state(link))


def _about(link: Link) -> str:
    what = link.kind if link.vlan_id is None else f"VLAN {link.vlan_id}"
    return f"{what} on {link.lower}"


def host_edges(seen: Seen) -> Iterator[Edge]:
    """Yield ports of bridges and links on links."""
    for link in seen.host.links:
        if link.master:
            ends = on_host(link.name), on_host(link.master)
            yield Edge(*(ends if link.kind == "tap" else ends[::-1]), *_port(link))
        if link.lower:
            label = "" if link.vlan_id is None else f"VLAN {link.vlan_id}"
            yield Edge(on_host(link.name), on_host(link.lower), label, link_state(link))
        if link.kind == "tap" and link.redirect:
            yield Edge(on_host(link.name), on_host(link.redirect), "", link_state(link))


def _port(link: Link) -> tuple[str, str]:
    """Return label and state of a bridge port."""
    words = [link.port_state, *(["isolated"] if link.is_isolated else [])]
    tags = [f"VLAN {vlan.replace('Egress Untagged', 'untagged')}" for vlan in link.vlans]
    return "\n".join([*words, *tags]), "up" if link.port_state == "forwarding" else "down"
