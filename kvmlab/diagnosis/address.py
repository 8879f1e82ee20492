"""Addresses and neighbours: IPv4 and MAC, each of them once, and in the right subnet."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface

from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.evidence.definition import DefinedNetwork
from kvmlab.host.daemons import RUNNING
from kvmlab.host.links import NetworkState


def address(spot: Spot) -> Seen:
    """Look for an address of the right subnet that nobody else has, and a gateway that exists."""
    network = spot.network
    if network and network.facts.is_active and network.ranges:
        state = spot.scene.daemons.get(f"dnsmasq of network {network.name}", "not there")
        if state != RUNNING:
            return Seen(f"dnsmasq of network {network.name} is {state}", "dnsmasq-dead", network.name)
    if not spot.addresses:
        return _bare(spot, network)
    for look in (_misplaced, _twice, _gateway):
        if wrong := next(look(spot), None):
            return wrong
    view = spot.view
    way = f", gateway {view.gateway}" if view and view.gateway else ""
    return Seen(", ".join(map(str, spot.addresses)) + way)


def _bare(spot: Spot, network: DefinedNetwork | None) -> Seen:
    if network and network.ranges and network.facts.is_active:
        others = [lease for lease in network.leases if lease.mac != spot.nic.mac and "." in lease.address]
        if len(others) >= network.address_count:
            text = f"{network.address_count} addresses to give out, {len(others)} leased to others"
            return Seen(text, "dhcp-exhausted", network.name)
    if spot.upper:
        return Seen(f"none of its own; {', '.join(spot.upper)}")
    return Seen("no IPv4 address", is_symptom=True)


def _misplaced(spot: Spot) -> Iterator[Seen]:
    for held in spot.addresses:
        for subnet in spot.subnets:
            if held.ip in subnet and held.network != subnet:
                text = f"{held}, but the network is {subnet}"
                yield Seen(text, "prefix-wrong", f"{spot.link_name} of {spot.nic.domain}")
    if spot.subnets and not any(held.ip in subnet for held in spot.addresses for subnet in spot.subnets):
        text = f"{', '.join(map(str, spot.addresses))}, but the network is {spot.subnets[0]}"
        yield Seen(text, "address-foreign", f"{spot.link_name} of {spot.nic.domain}")


def _twice(spot: Spot) -> Iterator[Seen]:
    """Find others of the same layer 2 with one of its addresses and another MAC address."""
    own, link = {held.ip for held in spot.addresses}, spot.link
    for holder, mac, taken in _holders(spot):
        if taken in own and link is not None and mac != link.mac:
            text = f"{taken} at {link.mac} ({spot.nic.domain}) and at {mac} ({holder})"
            yield Seen(text, "duplicate-ip", str(taken))


def _holders(spot: Spot) -> Iterator[tuple[str, str, IPv4Address]]:
    """Yield others on the same layer 2: who, MAC address, IPv4 address."""
    scene = spot.scene
    for other in scene.running:
        near = Spot(scene, other)
        together = (spot.nic.bridge and other.bridge == spot.nic.bridge) or (
            spot.is_in_lan and near.is_in_lan
        )
        if other is not spot.nic and together and near.link:
            yield from ((other.domain, near.link.mac, held.ip) for held in near.addresses)
    if spot.nic.bridge and not spot.is_in_lan:
        yield from _of_host("host", scene.host, spot.nic.bridge)
    elif spot.is_in_lan:
        for name, link in (("router", "lan0"), ("pc", "eth0")):
            yield from _of_host(name, scene.states[name], link)


def _of_host(name: str, state: NetworkState, link: str) -> Iterator[tuple[str, str, IPv4Address]]:
    found = state.link(link)
    for held in state.addresses_of(link) if found else ():
        if "." in held.address and found:
            yield name, found.mac, IPv4Address(held.address)


def _gateway(spot: Spot) -> Iterator[Seen]:
    view, network = spot.view, spot.network
    if view is None or spot.is_apart or (network and not network.facts.is_active):
        return  # the host's address goes with its bridge
    if not view.gateway:
        if spot.reaches_out:
            yield Seen("no default route", "gateway-missing", spot.nic.domain)
        return
    gateway = IPv4Address(view.gateway)
    is_own = any(gateway in held.network for held in spot.addresses)
    if is_own and gateway not in _known_addresses(spot):
        yield Seen(f"default via {gateway}, which nobody has", "gateway-wrong", spot.nic.domain)


def _known_addresses(spot: Spot) -> set[IPv4Address]:
    hosts = [
        IPv4Address(a.address) for s in spot.scene.states.values() for a in s.addresses if "." in a.address
    ]
    guests = [IPv4Interface(cidr).ip for nic in spot.scene.running for cidr in spot.scene.addresses(nic)]
    return {*hosts, *guests}


def neighbour(spot: Spot) -> Seen:
    """Look for the MAC address that libvirt knows, and for others with the same."""
    link, nic = spot.link, spot.nic
    if link is None:
        return Seen("the guest does not say", is_symptom=True)
    others = [
        other.domain
        for other in spot.scene.running
        if other is not nic
        and other.bridge == nic.bridge
        and (theirs := spot.scene.link(other)) is not None
        and theirs.mac == link.mac
    ]
    if others:
        text = f"{link.mac} is used by {nic.domain} and {', '.join(others)}"
        return Seen(text, "duplicate-mac", link.mac)
    if link.mac != nic.mac and nic.filter:
        text = f"the guest uses {link.mac}; its card has {nic.mac}, and {nic.filter} drops all else"
        return Seen(text, "nwfilter-mac", f"{link.name} of {nic.domain}")
    return Seen(link.mac if link.mac == nic.mac else f"{link.mac} (libvirt knows {nic.mac})")
