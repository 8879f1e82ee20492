"""The chains of a host's firewall in which packets meet the first rules, and what becomes of the others."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HOOK = re.compile(r"\btype \w+ hook (\w+) [^;]*;(?: policy (\w+);)?")


@dataclass(frozen=True, slots=True)
class BaseChain:
    """A chain that packets enter at a hook of the kernel.

    Attributes
    ----------
    family, table, name
        Where it is.
    hook
        ``prerouting``, ``input``, ``forward``, ``output``, ``postrouting``, ``ingress``.
    policy
        What becomes of packets that no rule decides about: ``accept`` or ``drop``.
    """

    family: str
    table: str
    name: str
    hook: str
    policy: str


def base_chains(native: str, saved: Mapping[str, str]) -> tuple[BaseChain, ...]:
    """Return the chains that packets enter, each once.

    Parameters
    ----------
    native
        What ``nft list ruleset`` printed.
    saved
        What ``iptables-save`` and ``ip6tables-save`` printed, by family.
    """
    found = [*_nft_chains(native), *(c for family, text in saved.items() for c in _chains_of(text, family))]
    return tuple({(chain.family, chain.table, chain.name): chain for chain in found}.values())


def _nft_chains(text: str) -> Iterator[BaseChain]:
    family = table = name = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            family, table = words[1], words[2]
        elif words[:1] == ["chain"]:
            name = words[1]
        elif found := _HOOK.search(line):
            yield BaseChain(family, table, name, found[1], found[2] or "accept")


def _chains_of(text: str, family: str) -> Iterator[BaseChain]:
    """Yield the chains of iptables that packets enter: they are called like their hooks."""
    table = ""
    for line in text.splitlines():
        words = line.split()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and words[1] != "-":
            yield BaseChain(family, table, words[0][1:], words[0][1:].lower(), words[1].lower())
