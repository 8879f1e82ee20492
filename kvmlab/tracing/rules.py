"""Read what ``nft monitor trace`` prints: the rules that one packet met."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kvmlab.host.chains import BaseChain

_LINE = re.compile(r"trace id (\w+) (\S+) (\S+) (\S+) (rule|verdict|policy|packet:?) ?(.*)")
_VERDICT = re.compile(r" ?\(verdict ([^)]+)\)$")
_COUNTER = re.compile(r"counter packets \d+ bytes \d+ ?")

#: Marks packets for the trace before any other rule sees them; nft(8), "meta nftrace".
TABLE = "kvmlab-trace"


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule or a policy that a packet met.

    Attributes
    ----------
    packet
        Number that the kernel gave the packet.
    family, table, chain
        Where it is.
    rule
        Its text; ``policy`` for the end of a chain.
    verdict
        ``accept``, ``drop``, ``jump CHAIN``, ``continue`` and so on.
    hook
        Where the packet was on its way: ``prerouting``, ``input``,
        ``forward``, ``output``, ``postrouting``; empty if unknown.
    """

    packet: str
    family: str
    table: str
    chain: str
    rule: str
    verdict: str
    hook: str = ""


def ruleset(match: str) -> str:
    """Return a ruleset that marks packets for the trace.

    Parameters
    ----------
    match
        What the packets have in common, in nft's words.
    """
    # Packets of the host to itself show that the trace runs; see parse().
    chains = (("prerouting", 'iifname "lo"'), ("output", 'oifname "lo"'))
    hooks = "".join(
        f"  chain {hook} {{\n    type filter hook {hook} priority -350; policy accept;\n"
        f"    {match} meta nftrace set 1\n    {itself} meta nftrace set 1\n  }}\n"
        for hook, itself in chains
    )
    return f"table inet {TABLE} {{\n{hooks}}}\n"


def parse(lines: Iterable[str]) -> list[RuleHit]:
    """Return the rules that packets met, in the order in which the kernel reported them.

    The trace's own rules, and packets that the host sent to itself, are left out.
    """
    found = []
    own: set[str] = set()
    for line in lines:
        parts = _LINE.match(line.strip())
        if parts is None:
            continue
        if parts[5].startswith("packet") and '"lo"' in parts[6]:
            own.add(parts[1])
        if parts[3] == TABLE or parts[5].startswith("packet") or parts[1] in own:
            continue
        number, family, table, chain, kind, rest = parts.groups()
        verdict = _VERDICT.search(rest)
        text = "policy" if kind == "policy" else _COUNTER.sub("", _VERDICT.sub("", rest)).strip()
        said = verdict[1] if verdict else rest.strip()
        found.append(RuleHit(number, family, table, chain, text, said))
    return found


def with_hooks(hits: Iterable[RuleHit], chains: Iterable[BaseChain]) -> Iterator[RuleHit]:
    """Yield the same, each with the hook of the chain that the packet began in.

    Parameters
    ----------
    hits
        In the order in which the kernel reported them.
    chains
        The chains that packets enter.
    """
    hooks = {(chain.family, chain.table, chain.name): chain.hook for chain in chains}
    latest: dict[str, str] = {}
    for hit in hits:
        latest[hit.packet] = hooks.get((hit.family, hit.table, hit.chain), latest.get(hit.packet, ""))
        yield replace(hit, hook=latest[hit.packet])


def killer(hits: Iterable[RuleHit]) -> RuleHit | None:
    """Return the rule or policy that dropped a packet; None if none did."""
    return next((hit for hit in hits if hit.verdict.startswith(("drop", "reject"))), None)
