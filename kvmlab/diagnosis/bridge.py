"""The host's side of a guest's cable: bridge and port, or the link below a macvlan."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.host.links import Link, Route

_FORWARDING = "forwarding"


def bridge(spot: Spot) -> Seen:
    """Look whether frames get from the guest's tap to everybody on its bridge."""
    looks = (_network, _port, _isolation, _mtu, _cards, _cure)
    for look in looks:
        if wrong := next(look(spot), None):
            return wrong
    return Seen(_good(spot))


def _good(spot: Spot) -> str:
    if spot.macvlan:
        return f"{spot.macvlan.name} in mode {spot.macvlan.mode} on {spot.macvlan.lower}"
    if spot.tap and spot.tap.master:
        return f"{spot.tap.name} is a port of {spot.tap.master}, {spot.tap.port_state}"
    return f"no bridge: interface type {spot.nic.kind}"


def _network(spot: Spot) -> Iterator[Seen]:
    network = spot.network
    if network and not network.facts.is_active:
        name = "network-inactive" if network.autostarts else "network-not-autostarted"
        yield Seen(
            f"network {network.name} is not active, autostart is {'on' if network.autostarts else 'off'}",
            name,
            network.name,
        )


def _port(spot: Spot) -> Iterator[Seen]:
    tap, wanted = spot.tap, spot.nic.bridge
    if tap is None or not wanted:
        return
    if tap.master != wanted:
        text = f"{tap.name} is a port of {tap.master or 'no bridge'}, not of {wanted}"
        yield Seen(text, "port-missing", tap.name)
    elif tap.port_state != _FORWARDING:
        yield Seen(f"{tap.name} is in the state {tap.port_state}", "port-blocked", tap.name)


def _isolation(spot: Spot) -> Iterator[Seen]:
    """Find isolated ports that were not asked for; one alone separates nobody, two do."""
    tap = spot.tap
    if tap is None or not tap.is_isolated or spot.nic.is_isolated:
        return
    others = [port.name for port in spot.scene.host.ports(tap.master) if port.is_isolated and port != tap]
    if others:
        text = f"{tap.name} and {', '.join(others)} are isolated; libvirt's XML does not say so"
        yield Seen(text, "port-isolated", tap.name)


def _mtu(spot: Spot) -> Iterator[Seen]:
    """All stations of a layer 2 need one MTU: a bridge does not cut frames (IEEE 802.1D)."""
    link = spot.link
    if link is None:
        return
    path = [spot.tap, *spot.cards]
    if spot.nic.bridge:
        path.append(spot.scene.host.link(spot.nic.bridge))
    for small in path:
        if small is not None and small.mtu < link.mtu:
            text = f"{link.name} of {spot.nic.domain} sends {link.mtu} bytes, {small.name} takes {small.mtu}"
            yield Seen(text, "mtu-mismatch", small.name)


def _cards(spot: Spot) -> Iterator[Seen]:
    for card in spot.cards:
        yield from card_trouble(spot, card)


def card_trouble(spot: Spot, card: Link) -> Iterator[Seen]:
    """Yield what keeps a card of the host from being an uplink."""
    if not card.is_up:
        yield Seen(f"{card.name} is set down", "uplink-down", card.name)
    elif not card.has_carrier:
        yield Seen(f"{card.name} has no carrier", "uplink-no-carrier", card.name)
    held = [a.cidr for a in spot.scene.host.addresses_of(card.name) if "." in a.address]
    if card.master and held:
        text = f"{held[0]} is on {card.name}, which is a port of {card.master}"
        yield Seen(text, "uplink-address-on-port", card.name)


def _cure(spot: Spot) -> Iterator[Seen]:
    """Where the host has a macvlan of its own beside a guest's, its way to the guest must lead through it."""
    own, scene = spot.macvlan, spot.scene
    if own is None:
        return
    cures = {
        link.name
        for link in scene.host.links
        if link.kind == "macvlan"
        and link.lower == own.lower
        and any("." in a.address for a in scene.host.addresses_of(link.name))
    }
    for held in spot.addresses if cures else ():
        way = way_to(scene.host.routes, held.ip)
        if way is not None and way.link == own.lower:
            text = f"the host's way to {held.ip} is {way.link}, on which the guest itself sits"
            yield Seen(text, "macvtap-host", f"{held.ip}/32")


def way_to(routes: tuple[Route, ...], address: IPv4Address) -> Route | None:
    """Return the route that a host takes to an address: the longest prefix, then the lowest metric."""
    fitting = [
        (
            0 if route.destination == "default" else ip_network(route.destination).prefixlen,
            -route.metric,
            route,
        )
        for route in routes
        if route.family == 4 and (route.destination == "default" or address in ip_network(route.destination))
    ]
    # of equal ones the kernel takes the one that was there first, and lists it first
    return max(fitting, key=lambda entry: entry[:2])[2] if fitting else None
