"""The part of a topology that guests are: their NICs, and what each is plugged into."""

from collections.abc import Iterator
from ipaddress import ip_interface

from kvmlab.observe.seen import Seen
from kvmlab.observe.world import link_state, on_host
from kvmlab.topology import Edge, GuestNic, Node

#: Networks that QEMU processes make among themselves, by the type of ``<interface>``.
_SOCKETS = {"mcast": "multicast group", "udp": "UDP tunnel", "server": "TCP socket", "client": "TCP socket"}


def guest_nodes(seen: Seen) -> Iterator[Node]:
    """Yield each guest and its NICs, and what stands for a link where there is none."""
    for name, state in seen.domains.items():
        is_on = state == "running"
        lines = () if is_on else (state,)
        yield Node(f"guest/{name}", "guest", name, lines, "up" if is_on else "off", "host")
    for node_id, nic in seen.numbered_nics():
        yield _nic_node(node_id, nic, seen)
    others = (node for node_id, nic in seen.numbered_nics() for node in _instead_of_link(node_id, nic, seen))
    yield from {node.id: node for node in others}.values()


def _nic_node(node_id: str, nic: GuestNic, seen: Seen) -> Node:
    links = (nic.link, *(vlan.link for vlan in nic.vlans)) if nic.link else ()
    return Node(
        node_id,
        "nic",
        f"{nic.link or f'NIC {node_id[-1]}'} {nic.model}".strip(),
        (*_nic_lines(nic), nic.mac),
        _nic_state(nic, seen),
        f"guest/{nic.domain}",
        tuple(f"{nic.domain}/{link}" for link in links),
    )


def _nic_lines(nic: GuestNic) -> Iterator[str]:
    if nic.state != "running":
        return
    if not nic.told_by:
        yield "guest is silent"
        return
    addresses = [address for address in nic.addresses if not ip_interface(address).is_link_local]
    if not addresses and nic.link and not nic.master and not nic.vlans:
        yield "no address"
    yield from addresses
    if nic.master:
        yield f"port of {nic.master}"
    for vlan in nic.vlans:
        tagged = [address for address in vlan.addresses if not ip_interface(address).is_link_local]
        yield " ".join([vlan.link, "VLAN", str(vlan.vlan_id), *tagged])
    if nic.driver:
        yield f"driver {nic.driver}"


def _nic_state(nic: GuestNic, seen: Seen) -> str:
    if nic.state != "running":
        return "off"
    is_lost = bool(nic.tap) and seen.host.link(nic.tap) is None
    is_dead = nic.told_by == "guest" and not (nic.is_up and nic.has_carrier)
    return "down" if is_lost or is_dead else "up"


def _instead_of_link(node_id: str, nic: GuestNic, seen: Seen) -> Iterator[Node]:
    """Yield what a running guest's NIC is plugged into where the host has no link for it."""
    if nic.state != "running":
        return
    found = _place(node_id, nic)
    if nic.kind == "user":
        lines = (nic.source, f"as {seen.own_address(seen.default_link())}", *nic.forwards)
        yield Node(found, "user", "user mode", lines, parent="host")
    elif nic.kind in _SOCKETS:
        ends = (nic.source, nic.peer) if nic.peer else (nic.source,)
        lines = (*sorted(ends), "between QEMU processes")
        yield Node(found, "socket", _SOCKETS[nic.kind], lines, parent="host")
    elif nic.kind == "hostdev":
        yield Node(found, "pci", "PCI device", (nic.source,), parent="host")


def _place(node_id: str, nic: GuestNic) -> str:
    """Return the id of what a NIC is plugged into: one for all that share it."""
    if nic.kind == "user":
        return f"{node_id}/user"
    ends = sorted(filter(None, (nic.source, nic.peer)))
    kind = "tcp" if nic.kind in ("server", "client") else nic.kind
    return "/".join(["host", kind, *ends])


def guest_edges(seen: Seen) -> Iterator[Edge]:
    """Yield what leads from each NIC to what it is plugged into, or will be once its guest runs."""
    for node_id, nic in seen.numbered_nics():
        if nic.state != "running":
            if nic.bridge:
                yield Edge(node_id, on_host(nic.bridge), "", "off")
            continue
        if nic.kind in ("user", "hostdev", *_SOCKETS):
            yield Edge(node_id, _place(node_id, nic), "", "down" if nic.has_carrier is False else "up")
        if nic.kind == "user":
            yield Edge(_place(node_id, nic), on_host(seen.default_link()), "sockets of the host")
        yield from _tap_edges(node_id, nic, seen)


def _tap_edges(node_id: str, nic: GuestNic, seen: Seen) -> Iterator[Edge]:
    tap = seen.host.link(nic.tap)
    if tap is None:
        return
    state = "down" if nic.has_carrier is False else link_state(tap)
    yield Edge(node_id, on_host(tap.name), "", state)
    if not tap.master and nic.bridge:
        yield Edge(on_host(tap.name), on_host(nic.bridge), "", "missing")
