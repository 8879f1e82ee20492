"""Rules recorded from libvirt 9.0 with iptables and from libvirt 11.3 with nftables, followed for packets."""

from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.host import firewall
from kvmlab.host.chains import BaseChain, base_chains
from kvmlab.host.firewall import RuleSet
from kvmlab.host.forwarding import Packet, decision

DATA = Path(__file__).parents[1] / "data/nft"

NET = "192.168.50.0/24"
ELSEWHERE = "192.168.99.0/24"
OUT = Packet("virbr-blue", "enp1s0", source=NET)
IN = Packet("enp1s0", "virbr-blue", destination=NET)


def sample(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def of_iptables(text: str, *, family: str = "ip") -> RuleSet:
    return RuleSet(firewall.parse_iptables(text, family=family), base_chains("", {family: text}))


def of_nft(text: str) -> RuleSet:
    return RuleSet(firewall.parse_nft(text), base_chains(text, {}))


def decided(rules: RuleSet, packet: Packet) -> str:
    return decision(rules, rules.chains, packet)[0]


def filter_table(*rules: str, policy: str = "ACCEPT") -> RuleSet:
    lines = "".join(f"[0:0] -A {rule}\n" for rule in rules)
    return of_iptables(f"*filter\n:FORWARD {policy} [0:0]\n:OWN - [0:0]\n{lines}COMMIT\n")


def forward_chain(*rules: str) -> RuleSet:
    body = "".join(f"\t\t{rule} # handle 2\n" for rule in rules)
    head = "\t\ttype filter hook forward priority 0; policy accept;\n"
    return of_nft(f"table inet own {{\n\tchain f {{\n{head}{body}\t}}\n}}\n")


recorded = pytest.mark.parametrize(
    "rules",
    [of_iptables(sample("debian12-iptables.txt")), of_nft(sample("debian13-nft.txt"))],
    ids=["iptables", "nftables"],
)


@recorded
@pytest.mark.parametrize(
    ("bridge", "subnet", "out", "back", "new"),
    [
        ("virbr-blue", "192.168.50.0/24", "accept", "accept", "reject"),
        ("virbr-routed", "192.168.80.0/24", "accept", "accept", "accept"),
        ("virbr-red", "192.168.70.0/24", "reject", "reject", "reject"),
    ],
    ids=["nat", "route", "isolated"],
)
def test_libvirts_rules_do_what_its_documentation_says(
    rules: RuleSet, bridge: str, subnet: str, out: str, back: str, new: str
) -> None:
    found = [
        decided(rules, Packet(bridge, "enp1s0", source=subnet)),
        decided(rules, Packet("enp1s0", bridge, destination=subnet, state="established")),
        decided(rules, Packet("enp1s0", bridge, destination=subnet)),
    ]

    assert found == [out, back, new]


@recorded
def test_a_network_that_may_leave_by_one_link_only_may_not_leave_by_another(rules: RuleSet) -> None:
    green = "192.168.60.0/24"

    assert decided(rules, Packet("virbr-green", "enp1s0", source=green)) == "accept"
    assert decided(rules, Packet("virbr-green", "enp2s0", source=green)) == "reject"


@recorded
def test_packets_with_an_address_of_elsewhere_are_refused(rules: RuleSet) -> None:
    assert decided(rules, Packet("virbr-blue", "enp1s0", source=ELSEWHERE)) == "reject"


def test_the_rule_that_decided_is_named() -> None:
    rules = of_iptables(sample("debian12-iptables.txt"))

    assert decision(rules, rules.chains, IN) == (
        "reject",
        "-o virbr-blue -j REJECT --reject-with icmp-port-unreachable",
    )


def test_without_rules_everything_passes_by_default() -> None:
    assert decision((), (), OUT) == ("accept", "")


def test_a_policy_decides_about_what_no_rule_decides() -> None:
    rules = filter_table("FORWARD -i docker0 -j ACCEPT", policy="DROP")

    assert decision(rules, rules.chains, OUT) == ("drop", "policy drop")


def test_what_one_chain_accepts_another_may_drop() -> None:
    accepting = filter_table("FORWARD -i virbr-blue -j ACCEPT")
    dropping = forward_chain('iifname "virbr-blue" drop')

    verdict = decision((*accepting, *dropping), (*accepting.chains, *dropping.chains), OUT)

    assert verdict == ("drop", 'iifname "virbr-blue" drop')


def test_other_families_decide_nothing() -> None:
    rules = of_iptables("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", family="ip6")

    assert decided(rules, OUT) == "accept"
    assert decided(rules, Packet("virbr-blue", "enp1s0", family=6)) == "drop"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (("FORWARD -j OWN", "OWN -j RETURN", "FORWARD -j DROP"), "drop"),
        (("FORWARD -j OWN", "OWN -j ACCEPT", "FORWARD -j DROP"), "accept"),
        (("FORWARD -g OWN", "OWN -i other -j ACCEPT", "FORWARD -j DROP"), "accept"),
    ],
    ids=["return", "jump", "goto"],
)
def test_jumps_are_followed(rules: tuple[str, ...], expected: str) -> None:
    assert decided(filter_table(*rules), OUT) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "-i virbr-blue -j DROP",
        "-i virbr+ -j DROP",
        "! -i enp1s0 -j DROP",
        "-s 192.168.0.0/16 -j DROP",
        "! -s 10.0.0.0/8 -j DROP",
        "-m conntrack --ctstate NEW,RELATED -j DROP",
        '-m comment --comment "no way" -j DROP',
    ],
)
def test_a_rule_of_iptables_for_all_these_packets_applies(rule: str) -> None:
    assert decided(filter_table(f"FORWARD {rule}"), OUT) == "drop"


@pytest.mark.parametrize(
    "rule",
    [
        "-i virbr-red -j DROP",
        "! -i virbr-blue -j DROP",
        "-s 192.168.50.128/25 -j DROP",
        "-d 192.168.1.0/24 -j DROP",
        "! -s 192.168.50.7/32 -j DROP",
        "-p tcp -m tcp --dport 25 -j DROP",
        "-m conntrack --ctstate ESTABLISHED -j DROP",
    ],
)
def test_a_rule_of_iptables_for_others_or_for_some_only_does_not(rule: str) -> None:
    assert decided(filter_table(f"FORWARD {rule}"), OUT) == "accept"


@pytest.mark.parametrize(
    "rule",
    [
        'iifname "virbr-blue" counter drop',
        'iifname "virbr*" drop',
        'iifname { "virbr-red", "virbr-blue" } drop',
        'meta iifname != "enp1s0" drop',
        "ip saddr 192.168.0.0/16 drop",
        "ct state { new, related } drop",
        'log prefix "gone: " level warn drop comment "no way"',
    ],
)
def test_a_rule_of_nft_for_all_these_packets_applies(rule: str) -> None:
    assert decided(forward_chain(rule), OUT) == "drop"


@pytest.mark.parametrize(
    "rule",
    [
        'oifname "virbr-blue" drop',
        "meta l4proto tcp drop",
        "tcp dport 25 drop",
        "ip saddr 192.168.50.1-192.168.50.9 drop",
        "ip saddr @banned drop",
        "ip protocol icmp drop",
        "ct state established drop",
    ],
)
def test_a_rule_of_nft_for_others_or_for_some_only_does_not(rule: str) -> None:
    assert decided(forward_chain(rule), OUT) == "accept"


def test_a_chain_that_both_programs_show_is_one() -> None:
    saved = {"ip": sample("debian12-iptables.txt")}

    chains = base_chains(sample("debian12-nft.txt"), saved)

    assert [c for c in chains if (c.family, c.table, c.hook) == ("ip", "filter", "forward")] == [
        BaseChain("ip", "filter", "FORWARD", "forward", "accept")
    ]


@pytest.mark.host
def test_policies_of_a_real_namespace_are_read() -> None:
    script = """iptables -P FORWARD DROP
        nft 'table inet t { chain c { type filter hook input priority 0; policy drop; }; }' && exec "$@" """
    enter = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh")

    rules = firewall.read_rules(LocalRunner("sandbox", prefix=enter))

    assert BaseChain("ip", "filter", "FORWARD", "forward", "drop") in rules.chains
    assert BaseChain("inet", "t", "c", "input", "drop") in rules.chains
    assert decision(rules, rules.chains, OUT) == ("drop", "policy drop")
