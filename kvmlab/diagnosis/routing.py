"""The host as a router: forwarding, translation, and the way back."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from kvmlab.diagnosis.bridge import card_trouble, way_to
from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.evidence.host import BaseChain
from kvmlab.host import world
from kvmlab.host.firewall import Rule, port_forwards

_JUMP = re.compile(r"^(?:jump|goto) (\S+)$")
_STRICT = 1
#: Chains that iptables always has (iptables(8)).
_BUILT_IN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")


def forwarding(spot: Spot) -> Seen:
    """Look whether the host forwards, and whether its own way out is in order."""
    if not spot.is_routed:
        return Seen("the host does not route for this guest")
    if not spot.scene.settings.forwards:
        return Seen("net.ipv4.ip_forward = 0", "ip-forward-off", "net.ipv4.ip_forward")
    if wrong := next(_way_out(spot), None):
        return wrong
    way = way_to(spot.scene.host.routes, IPv4Address(world.WEB_ADDRESS))
    return Seen(f"net.ipv4.ip_forward = 1, out through {way.link if way else '?'}")


def _way_out(spot: Spot) -> Iterator[Seen]:
    host = spot.scene.host
    default = [r.link for r in host.routes if r.destination == "default" and r.family == 4]
    for card in spot.scene.uplinks():
        # a card that was set down has lost its route: then the address tells that it was the way out
        held = any(a.scope == "global" and "." in a.address for a in host.addresses_of(card.name))
        if {card.name, card.master} & set(default) or (not default and held):
            yield from card_trouble(spot, card)
    if not default:
        yield Seen("no default route on the host", "host-no-route", "host")


def nat(spot: Spot) -> Seen:
    """Look whether addresses are translated, and whether forwarded ports lead to who serves them."""
    text = "nothing to translate"
    if spot.forward == "nat":
        subnets = [str(subnet) for subnet in spot.subnets]
        rules = [
            rule
            for rule in _reached(spot.scene.rules, spot.scene.settings.chains)
            if rule.verdict in ("masquerade", "snat")
        ]
        if not any(subnet in rule.text for rule in rules for subnet in subnets):
            text = f"no rule that a packet of {', '.join(subnets)} meets translates it"
            return Seen(text, "rules-flushed", spot.nic.network)
        text = f"{', '.join(subnets)} is translated"
    return next(_misled(spot), Seen(text))


def _reached(rules: Sequence[Rule], chains: Sequence[BaseChain]) -> list[Rule]:
    """Return the rules that a packet may come to: in base chains, and in those that these jump to.

    Rules in a chain that nothing jumps to are of no effect: that is how
    libvirt's are left when somebody flushed only the chains of the kernel.
    """
    met = {(chain.family, chain.table, chain.name) for chain in chains}
    met |= {(r.family, r.table, r.chain) for r in rules if r.chain in _BUILT_IN}  # of legacy iptables, too
    while True:
        found = [rule for rule in rules if (rule.family, rule.table, rule.chain) in met]
        jumps = ((rule, _JUMP.match(rule.verdict)) for rule in found)
        more = {(rule.family, rule.table, jump[1]) for rule, jump in jumps if jump}
        if more <= met:
            return found
        met |= more


def _misled(spot: Spot) -> Iterator[Seen]:
    """Find forwarded ports that lead to a guest which does not listen there, while a neighbour of it does."""
    scene = spot.scene
    for forward in port_forwards(spot.scene.rules):
        address, _, port = forward.to.partition(":")
        if not port.isdigit() or address not in {str(held.ip) for held in spot.addresses}:
            continue
        listening = [
            other.domain
            for other in scene.on_bridge(spot.nic.bridge)
            if other.domain in scene.guests and int(port) in scene.guests[other.domain].tcp_ports
        ]
        if listening and spot.nic.domain not in listening:
            text = f"port {forward.port} leads to {forward.to} of {spot.nic.domain}; {listening[0]} serves it"
            yield Seen(text, "forward-wrong-guest", f"port {forward.port}")


def route_back(spot: Spot) -> Seen:
    """Look whether answers find their way to the guest."""
    if spot.forward not in ("route", "open"):
        return Seen("answers go to the host's own address" if spot.forward == "nat" else "no router between")
    host = spot.scene.host
    own = {a.address: a.link for a in host.addresses if "." in a.address}
    for subnet in spot.subnets:
        ways = [r for r in spot.scene.states["router"].routes if r.destination == str(subnet)]
        if not ways or ways[0].gateway not in own:
            where = f"the router has no route to {subnet} through the host"
            return Seen(where, "route-back-missing", str(subnet))
        comes_in = own[ways[0].gateway]
        leaves = way_to(host.routes, IPv4Address(world.PC_ADDRESS))
        strict = spot.scene.settings.strictness(comes_in) == _STRICT
        if strict and leaves is not None and leaves.link != comes_in:
            text = (
                f"packets come in by {comes_in}, answers leave by {leaves.link}; rp_filter of {comes_in} is 1"
            )
            return Seen(text, "rp-filter", comes_in)
    return Seen(f"the router sends {', '.join(map(str, spot.subnets))} to the host")
