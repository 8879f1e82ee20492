"""The part of a topology that the KVM host is as a router: between a bridge and the uplink.

What passes there is read from the firewall's rules as they are, not from the mode of a network.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmlab.host.firewall import SourceNat
from kvmlab.host.forwarding import Packet, decision
from kvmlab.host.links import Link
from kvmlab.observe.seen import Seen
from kvmlab.observe.views import Subnet
from kvmlab.observe.world import on_host
from kvmlab.topology import Edge, Node


@dataclass(frozen=True, slots=True)
class Passing:
    """What passes between a subnet behind a bridge and the uplink.

    Attributes
    ----------
    subnet
        The subnet.
    is_forwarded
        Whether the host is a router for this version of IP.
    out, new, answers
        Verdict on packets from the subnet; on those to it that begin
        something; on answers to what the subnet began.
    reasons
        Rule or policy behind each verdict, by its name above.
    """

    subnet: Subnet
    is_forwarded: bool
    out: str
    new: str
    answers: str
    reasons: tuple[str, str, str] = ("", "", "")

    @property
    def is_closed(self) -> bool:
        """Whether nothing passes."""
        return not self.is_forwarded or (self.out != "accept" and self.new != "accept")

    @property
    def words(self) -> str:
        """What passes, in two lines."""
        if not self.is_forwarded:
            return "not forwarded:\nthe host is no router"
        return f"out: {self.out}\nin: {self.inward}"

    @property
    def inward(self) -> str:
        """What passes inward, in one or two words."""
        return "answers only" if self.new != self.answers == "accept" else self.new


def passing(seen: Seen, bridge: str) -> list[Passing]:
    """Return what passes for each subnet behind a bridge; none for one that is part of the LAN."""
    uplink = uplink_of(seen, bridge)
    if not uplink or uplink == bridge or seen.leads_out(bridge):
        return []
    return [_passing(seen, bridge, uplink, subnet) for subnet in seen.subnets_at(bridge)]


def _passing(seen: Seen, bridge: str, uplink: str, subnet: Subnet) -> Passing:
    family, own = subnet.version, str(subnet)
    packets = (
        Packet(bridge, uplink, source=own, family=family),
        Packet(uplink, bridge, destination=own, family=family),
        Packet(uplink, bridge, destination=own, state="established", family=family),
    )
    found = [decision(seen.rules, seen.rules.chains, packet) for packet in packets]
    (out, why_out), (new, why_new), (answers, why_answers) = found
    is_forwarded = family in seen.host.forwards
    return Passing(subnet, is_forwarded, out, new, answers, (why_out, why_new, why_answers))


def uplink_of(seen: Seen, bridge: str) -> str:
    """Return the link that packets from a bridge leave through; empty if they know no way."""
    return next((nat.link for nat in seen.nats_at(bridge) if nat.link), seen.default_link())


def nat_of(bridge: str) -> str:
    """Return the id of the node that translates for a bridge."""
    return f"host/{bridge}/nat"


def has_nat(seen: Seen, bridge: str) -> bool:
    """Whether the sources of packets from a bridge are translated, or should be."""
    network = seen.network_at(bridge)
    return bool(seen.nats_at(bridge)) or (network is not None and network.forward == "nat")


def routing_nodes(seen: Seen) -> Iterator[Node]:
    """Yield what translates addresses."""
    for bridge in _bridges(seen):
        if not has_nat(seen, bridge.name):
            continue
        nats = seen.nats_at(bridge.name)
        lines = dict.fromkeys(_nat_line(seen, nat) for nat in nats)
        forwards = (f"{f.protocol} {f.port} to {f.to}".strip() for f in seen.forwards_at(bridge.name))
        state = "up" if nats else "down"
        yield Node(nat_of(bridge.name), "nat", "NAT", (*lines, *forwards), state, "host")


def _nat_line(seen: Seen, nat: SourceNat) -> str:
    family = 6 if ":" in nat.subnet else 4
    return f"{nat.subnet} as {nat.to or seen.own_address(nat.link or seen.default_link(family), family)}"


def _bridges(seen: Seen) -> Iterator[Link]:
    return (link for link in seen.host.links if link.kind == "bridge")


def routing_edges(seen: Seen) -> Iterator[Edge]:
    """Yield what the host does with packets between each bridge and the uplink."""
    for bridge in _bridges(seen):
        found = passing(seen, bridge.name)
        if not found:
            continue
        state = "blocked" if all(one.is_closed for one in found) else "up"
        label, uplink = _label(found), on_host(uplink_of(seen, bridge.name))
        if not has_nat(seen, bridge.name):
            yield Edge(on_host(bridge.name), uplink, label, state, "forward")
            continue
        nats = seen.nats_at(bridge.name)
        words = dict.fromkeys("snat" if nat.to else "masquerade" for nat in nats)
        state = state if nats else "missing"
        yield Edge(on_host(bridge.name), nat_of(bridge.name), label, state, "forward")
        yield Edge(nat_of(bridge.name), uplink, ", ".join(words), state, "forward")


def _label(found: list[Passing]) -> str:
    """Return what passes in words: once if it is the same for both versions of IP."""
    words = {one.words: "" for one in found}
    if len(words) == 1:
        return next(iter(words))
    return "\n".join(f"IPv{one.subnet.version} {line}" for one in found for line in one.words.splitlines())
