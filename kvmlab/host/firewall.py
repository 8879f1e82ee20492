"""The rules of a host's firewall as data: those that libvirt installs, and any other.

libvirt speaks iptables up to 10.3, and later where iptables is installed;
otherwise nftables, in tables of its own called ``libvirt_network``
(https://libvirt.org/firewall.html, network.conf). What iptables installed is
read with ``iptables-save``: nft shows some of it as opaque ``xt`` expressions,
and none of it where iptables is the legacy one.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from kvmlab._repr import Table
from kvmlab._run import Completed, Runner
from kvmlab.errors import ExecutableNotFound, HostError
from kvmlab.host.chains import BaseChain, base_chains

#: Status of ``nsenter`` and ``ip netns exec`` if the program is not there.
_NOT_FOUND = 127

_COUNTER = re.compile(r"\bcounter packets (\d+) bytes (\d+)")
_HANDLE = re.compile(r" # handle (\d+)$")
_QUOTED = re.compile(r'"[^"]*"')
_VERDICT = re.compile(
    r"\b(accept|drop|reject|return|continue|masquerade|snat|dnat|redirect|queue|(?:jump|goto) \S+)(?=\s|$)"
)
_SAVED = re.compile(r"\[(\d+):(\d+)\] -A (\S+) ?(.*)")
_TARGET = re.compile(r"(?:^| )(-j|-g) (\S+)")

# What a rule matches, as nft and as iptables write it; negated matches are not matched.
_SOURCE = re.compile(r"(?:\bip6? saddr|(?<!! )-s) ([0-9a-f.:/]+)")
_DESTINATION = re.compile(r"(?:\bip6? daddr|(?<!! )-d) ([0-9a-f.:/]+)")
_IN_LINK = re.compile(r'(?:\biif(?:name)?|(?<!! )-i) "?([^\s"!{]+)')
_OUT_LINK = re.compile(r'(?:\boif(?:name)?|(?<!! )-o) "?([^\s"!{]+)')
_PROTOCOL = re.compile(r"(?:\b(?=(?:tcp|udp|sctp) dport)|(?<!! )-p )(\w+)")
_PORT = re.compile(r"(?:\bdport|(?<!! )--dports?) (\{[^}]*\}|\d[\d:,-]*)")
_TO = re.compile(r"(?:\b[sd]nat(?: ip6?)? to|--to-(?:source|destination)) (\S+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, in the words of the program that installed it.

    Attributes
    ----------
    family
        ``ip``, ``ip6``, ``inet``, ``bridge``, ``arp`` or ``netdev``.
    table, chain
        Where it is.
    text
        The rule as ``nft list ruleset`` or ``iptables-save`` prints it,
        without the values of its counter.
    verdict
        What happens to a packet that matches: ``accept``, ``drop``,
        ``reject``, ``return``, ``masquerade``, ``snat``, ``dnat``,
        ``jump CHAIN`` and so on; empty if nothing but counting.
    packets, bytes
        How many it matched so far; None without a counter.
    handle
        Its number in nftables; None for rules of iptables.
    """

    family: str
    table: str
    chain: str
    text: str
    verdict: str
    packets: int | None = None
    bytes: int | None = None
    handle: int | None = None

    @property
    def by_libvirt(self) -> bool:
        """Whether libvirt's network driver installed it."""
        return self.table == "libvirt_network" or self.chain.startswith("LIBVIRT_")


class RuleSet(Table[Rule]):
    """The rules of a host, as a table, and the chains in which packets meet them.

    Parameters
    ----------
    rules
        The rules, in the order of their chains.
    chains
        Where packets begin.
    """

    __slots__ = ("chains",)

    def __init__(self, rules: Iterable[Rule] = (), chains: Iterable[BaseChain] = ()) -> None:
        super().__init__(rules)
        self.chains = tuple(chains)


@dataclass(frozen=True, slots=True)
class SourceNat:
    """What leaves ``subnet`` gets another source address.

    Attributes
    ----------
    subnet
        Whose packets; empty for all.
    link
        Link that they leave through; empty for any.
    to
        The new address, or a range; empty for the address of the link
        itself (masquerading).
    """

    subnet: str
    link: str
    to: str


@dataclass(frozen=True, slots=True)
class PortForward:
    """What comes in for a port goes to another machine.

    Attributes
    ----------
    protocol, port
        Such as ``tcp`` and ``8080`` or ``8000-8010``; empty for all.
    address, link
        Where it comes in: an address of the host, a link; empty for any.
    to
        The machine behind, as ``ADDRESS`` or ``ADDRESS:PORT``.
    """

    protocol: str
    port: str
    address: str
    link: str
    to: str


def read_rules(runner: Runner) -> RuleSet:
    """Read all rules of a host.

    Parameters
    ----------
    runner
        Runs ``nft``, ``iptables-save`` and ``ip6tables-save`` on it.

    Raises
    ------
    HostError
        If nft is not installed on the host.
    kvmlab.errors.CommandError
        If one of the programs fails.
    """
    native = _output(runner, ["nft", "-a", "list", "ruleset"])
    if native is None:
        raise HostError(f"nft is not installed on {runner.name}", hint="run `kvmlab doctor`")
    saved = {
        "ip": _output(runner, ["iptables-save", "-c"]) or "",
        "ip6": _output(runner, ["ip6tables-save", "-c"]) or "",
    }
    return RuleSet(combine(parse_nft(native), saved), base_chains(native, saved))


def combine(native: Iterable[Rule], saved: dict[str, str]) -> tuple[Rule, ...]:
    """Join the rules of nft and of iptables; those that both show count as iptables' own.

    Parameters
    ----------
    native
        Rules from :func:`parse_nft`.
    saved
        What ``iptables-save -c`` and ``ip6tables-save -c`` printed, by family.
    """
    theirs = {(family, *chain) for family, text in saved.items() for chain in _saved_chains(text)}
    own = [rule for rule in native if (rule.family, rule.table, rule.chain) not in theirs]
    return (*own, *(rule for family, text in saved.items() for rule in parse_iptables(text, family=family)))


def _saved_chains(text: str) -> Iterator[tuple[str, str]]:
    """Yield table and name of each chain that iptables-save lists.

    It tells of chains, not of tables: a table called ``nat`` may hold chains
    of iptables beside others that only nft knows.
    """
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            yield table, line[1:].split()[0]


def _output(runner: Runner, argv: list[str]) -> str | None:
    """Return what a program prints; None if it is not installed."""
    try:
        done: Completed = runner.run(argv, check=False)
    except ExecutableNotFound:
        return None
    return None if done.returncode == _NOT_FOUND else done.check().stdout


def parse_nft(text: str) -> tuple[Rule, ...]:
    """Read the rules from what ``nft -a list ruleset`` printed; sets and maps are left out."""
    return tuple(_nft_rules(text.splitlines()))


def _nft_rules(lines: Iterable[str]) -> Iterator[Rule]:
    family = table = ""
    blocks: list[list[str]] = []
    for line in lines:
        words = line.split()
        body = _HANDLE.sub("", line).strip()
        if body.endswith("{"):
            blocks.append(words)
            if words[0] == "table":
                family, table = words[1], words[2]
        elif body == "}":
            blocks.pop()
        elif blocks and blocks[-1][0] == "chain" and body and not body.startswith(("type ", "policy ")):
            yield _nft_rule(line.strip(), (family, table, blocks[-1][1]))


def _nft_rule(line: str, place: tuple[str, str, str]) -> Rule:
    handle, counter = _HANDLE.search(line), _COUNTER.search(line)
    text = _COUNTER.sub("counter", _HANDLE.sub("", line))
    verdicts = _VERDICT.findall(_QUOTED.sub('""', text))
    return Rule(
        *place,
        text=text,
        verdict=verdicts[-1] if verdicts else "",
        packets=int(counter[1]) if counter else None,
        bytes=int(counter[2]) if counter else None,
        handle=int(handle[1]) if handle else None,
    )


def parse_iptables(text: str, *, family: str = "ip") -> tuple[Rule, ...]:
    """Read the rules from what ``iptables-save -c`` (or ``ip6tables-save -c``) printed."""
    table, rules = "", []
    chains = {name for _table, name in _saved_chains(text)}
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif found := _SAVED.fullmatch(line):
            packets, size, chain, body = found.groups()
            rule = Rule(family, table, chain, body, _iptables_verdict(body, chains), int(packets), int(size))
            rules.append(rule)
    return tuple(rules)


def _iptables_verdict(text: str, chains: Container[str]) -> str:
    target = _TARGET.search(text)
    if target is None:
        return ""
    if target[2] in chains:
        return f"{'jump' if target[1] == '-j' else 'goto'} {target[2]}"
    return target[2].lower()


def source_nats(rules: Iterable[Rule]) -> tuple[SourceNat, ...]:
    """Say whose packets get another source address, and on which link; each once."""
    found = (
        SourceNat(
            subnet=_first(_SOURCE, rule), link=_first(_OUT_LINK, rule), to=_without_ports(_first(_TO, rule))
        )
        for rule in rules
        if rule.verdict in ("masquerade", "snat")
    )
    return tuple(dict.fromkeys(found))


def port_forwards(rules: Iterable[Rule]) -> tuple[PortForward, ...]:
    """Say which ports of the host lead to which machine behind it; each once."""
    found = (
        PortForward(
            protocol=_first(_PROTOCOL, rule),
            port=_first(_PORT, rule),
            address=_first(_DESTINATION, rule).removesuffix("/32").removesuffix("/128"),
            link=_first(_IN_LINK, rule),
            to=_first(_TO, rule),
        )
        for rule in rules
        if rule.verdict == "dnat"
    )
    return tuple(dict.fromkeys(found))


def _first(pattern: re.Pattern[str], rule: Rule) -> str:
    found = pattern.search(rule.text)
    return found[1] if found else ""


def _without_ports(to: str) -> str:
    """Remove the ports of ``ADDRESS:PORTS``, ``[ADDRESS]:PORTS`` or ``:PORTS``."""
    if to.startswith("["):
        return to[1:].split("]", 1)[0]
    return to.split(":", 1)[0] if to.count(":") == 1 else to
