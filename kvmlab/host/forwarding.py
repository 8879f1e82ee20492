"""What a host's firewall does with packets that it forwards: rules followed as the kernel follows them.

A packet enters each chain that hangs at the hook ``forward``, follows its jumps,
and goes on only if all of these chains accept it (nft(8), "Chains"; iptables(8)).
The question is about packets in general: a rule that also looks at a protocol,
a port or anything else decides about some of them only, and is left out.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from kvmlab.host.chains import BaseChain
from kvmlab.host.firewall import Rule

_FINAL = ("accept", "drop", "reject")
#: What each program calls the fields of :class:`Packet`.
_NFT_FIELDS = {
    **dict.fromkeys(("iif", "iifname"), "in_link"),
    **dict.fromkeys(("oif", "oifname"), "out_link"),
    **dict.fromkeys(("ip saddr", "ip6 saddr"), "source"),
    **dict.fromkeys(("ip daddr", "ip6 daddr"), "destination"),
    "ct state": "state",
}
_IPTABLES_FIELDS = {
    "-i": "in_link",
    "-o": "out_link",
    "-s": "source",
    "-d": "destination",
    **dict.fromkeys(("--ctstate", "--state"), "state"),
}
#: Words of nft after which a rule says what happens, no longer to which packets.
_NFT_VERDICTS = (*_FINAL, "return", "continue", "jump", "goto", "queue")


@dataclass(frozen=True, slots=True)
class Packet:
    """Packets that a host forwards.

    Attributes
    ----------
    in_link, out_link
        Where they come in, and where they would go out.
    source, destination
        Subnet that they come from or go to; empty for anywhere.
    state
        ``new``, or ``established`` for answers (conntrack).
    family
        4 or 6.
    """

    in_link: str
    out_link: str
    source: str = ""
    destination: str = ""
    state: str = "new"
    family: int = 4


@dataclass(frozen=True, slots=True)
class _Match:
    field: str
    values: tuple[str, ...]
    is_negated: bool


def decision(rules: Sequence[Rule], chains: Sequence[BaseChain], packet: Packet) -> tuple[str, str]:
    """Return what becomes of packets: ``accept``, ``drop`` or ``reject``, and why.

    Parameters
    ----------
    rules, chains
        Of one host, as :func:`kvmlab.host.firewall.read_rules` returns them.
    packet
        The packets.

    Returns
    -------
    tuple
        The verdict, and the rule or policy that gave it; empty if nothing but
        the default: without a rule everything passes.
    """
    families = ("inet", "ip" if packet.family == 4 else "ip6")
    by_chain: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in rules:
        by_chain.setdefault((rule.family, rule.table, rule.chain), []).append(rule)
    accepted = ""
    for chain in chains:
        if chain.hook != "forward" or chain.family not in families:
            continue
        hit = _followed(by_chain, (chain.family, chain.table, chain.name), packet)
        verdict = hit.verdict if hit else chain.policy
        reason = hit.text if hit else f"policy {chain.policy}"
        if verdict != "accept":
            return verdict, reason
        accepted = accepted or (reason if hit else "")
    return "accept", accepted


def _followed(
    by_chain: Mapping[tuple[str, str, str], Sequence[Rule]], place: tuple[str, str, str], packet: Packet
) -> Rule | None:
    """Return the rule that decides in a chain and what it jumps to; None if none does."""
    for rule in by_chain.get(place, ()):
        if not _applies(rule, packet):
            continue
        if rule.verdict in _FINAL:
            return rule
        if rule.verdict == "return":
            return None
        kind, _, target = rule.verdict.partition(" ")
        if kind in ("jump", "goto"):
            hit = _followed(by_chain, (*place[:2], target), packet)
            if hit is not None or kind == "goto":
                return hit
    return None


def _applies(rule: Rule, packet: Packet) -> bool:
    """Whether a rule is for all of these packets."""
    matches = list(_matches(rule))
    return None not in matches and all(_fits(match, packet) for match in matches if match is not None)


def _matches(rule: Rule) -> Iterator[_Match | None]:
    """Yield what a rule asks of a packet; None for what a :class:`Packet` does not tell."""
    reader: Callable[[list[str]], Iterator[_Match | None]] = _nft if rule.handle is not None else _iptables
    return reader(shlex.split(rule.text.replace("{ ", "{").replace(" }", "}").replace(", ", ",")))


def _nft(words: list[str]) -> Iterator[_Match | None]:
    while words:
        word = words.pop(0)
        if word in _NFT_VERDICTS:
            return
        if word in ("ip", "ip6", "ct") and words:
            word = f"{word} {words.pop(0)}"
        if word in ("comment", "prefix", "level"):
            words[:1] = []
        elif word in _NFT_FIELDS:
            is_negated = words[:1] == ["!="]
            words[:1] = [] if is_negated else words[:1]
            yield _Match(_NFT_FIELDS[word], _values(words), is_negated)
        elif word not in ("counter", "log", "meta"):
            yield None


def _iptables(words: list[str]) -> Iterator[_Match | None]:
    is_negated = False
    while words:
        word = words.pop(0)
        if word in ("-j", "-g"):
            return
        if word == "!":
            is_negated = True
            continue
        if word in ("-m", "--comment"):
            words[:1] = []
        elif word in _IPTABLES_FIELDS:
            yield _Match(_IPTABLES_FIELDS[word], _values(words), is_negated)
        else:
            yield None
        is_negated = False


def _values(words: list[str]) -> tuple[str, ...]:
    """Take a value, or a set of them, from the front of the words."""
    return tuple(words.pop(0).strip("{}").lower().split(",")) if words else ()


def _fits(match: _Match, packet: Packet) -> bool:
    if match.field in ("source", "destination"):
        return _all_of(getattr(packet, match.field), match)
    own = getattr(packet, match.field).lower()
    return any(_same(own, value) for value in match.values) is not match.is_negated


def _same(own: str, value: str) -> bool:
    if value[-1:] in ("*", "+"):  # links that begin like this
        return own.startswith(value[:-1])
    return own == value


def _all_of(subnet: str, match: _Match) -> bool:
    """Whether all addresses of a subnet are meant; of packets from anywhere never all are."""
    if not subnet:
        return False
    own = ip_network(subnet)
    try:
        named = [ip_network(value) for value in match.values]
    except ValueError:  # a range, or the name of a set
        return False
    same = [other for other in named if other.version == own.version]
    if match.is_negated:
        return not any(own.overlaps(other) for other in same)
    return any(_inside(own, other) for other in same)


def _inside(own: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(own, IPv4Network) and isinstance(other, IPv4Network):
        return own.subnet_of(other)
    return isinstance(own, IPv6Network) and isinstance(other, IPv6Network) and own.subnet_of(other)
