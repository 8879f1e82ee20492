"""Recorded rules: libvirt 9.0 with iptables-nft 1.8.9 (debian12), libvirt 11.3 with its
nftables backend (debian13-nft) and with iptables (debian13-iptables)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kvmlab._run import Completed, LocalRunner
from kvmlab.errors import CommandError, ExecutableNotFound, HostError
from kvmlab.host import firewall
from kvmlab.host.firewall import PortForward, Rule, SourceNat

DATA = Path(__file__).parents[1] / "data/nft"

NAMESPACES = ("unshare", "--user", "--map-root-user", "--net")


def sample(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def debian12() -> tuple[Rule, ...]:
    saved = {"ip": sample("debian12-iptables.txt"), "ip6": sample("debian12-ip6tables.txt")}
    return firewall.combine(firewall.parse_nft(sample("debian12-nft.txt")), saved)


class Recorded:
    """A host that prints recorded outputs, and lacks the programs that have none."""

    name = "host"

    def __init__(self, **outputs: str) -> None:
        self.outputs = outputs

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout_s: float = 60.0, stdin: str = ""
    ) -> Completed:
        output = self.outputs.get(argv[0].replace("-", "_"))
        status = 127 if output is None else 0
        return Completed(tuple(argv), status, output or "", "", 0.0)

    def stream(self, argv: Sequence[str], *, timeout_s: float = 3600.0) -> Iterator[str]:
        raise NotImplementedError


def test_a_rule_of_iptables_keeps_its_words_and_its_counter() -> None:
    (rule,) = [r for r in debian12() if r.chain == "LIBVIRT_PRT" and r.verdict == "return" and r.packets][:1]

    assert rule == Rule(
        "ip", "nat", "LIBVIRT_PRT", "-s 192.168.50.0/24 -d 224.0.0.0/24 -j RETURN", "return", 1, 40
    )


def test_a_rule_of_nft_keeps_its_words_and_its_handle() -> None:
    rule = next(r for r in firewall.parse_nft(sample("debian13-nft.txt")) if r.handle == 14)

    text = "ip saddr 192.168.50.0/24 ip daddr != 192.168.50.0/24 counter masquerade"
    assert rule == Rule("ip", "libvirt_network", "guest_nat", text, "masquerade", 0, 0, 14)


def test_every_rule_of_nft_is_read_once() -> None:
    text = sample("debian13-nft.txt")

    rules = firewall.parse_nft(text)

    handles = Counter(
        line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith("\t\t") and "#" in line
    )
    assert Counter(str(rule.handle) for rule in rules) == handles


def test_every_rule_of_iptables_is_read_once() -> None:
    text = sample("debian12-iptables.txt")

    rules = firewall.parse_iptables(text)

    assert [f"-A {r.chain} {r.text}" for r in rules] == [
        line.split("] ")[1] for line in text.splitlines() if line.startswith("[")
    ]


def test_elements_of_a_set_are_no_rules() -> None:
    rules = [r for r in firewall.parse_nft(sample("debian12-nft.txt")) if r.table == "forwards"]

    assert [(r.chain, r.verdict, r.packets) for r in rules] == [("in", "dnat", 0), ("in", "dnat", None)]


def test_a_comment_is_no_verdict() -> None:
    rule = next(r for r in debian12() if "drop me not" in r.text)

    assert rule.verdict == "dnat"


def test_jumps_name_their_chain() -> None:
    jumps = {r.verdict for r in debian12() if r.chain == "FORWARD" and r.family == "ip"}

    assert jumps == {"jump LIBVIRT_FWX", "jump LIBVIRT_FWI", "jump LIBVIRT_FWO"}


def test_chains_of_iptables_are_read_from_iptables() -> None:
    forward_in = [r.text for r in debian12() if r.chain == "LIBVIRT_FWI"]

    assert "-d 192.168.80.0/24 -o virbr-routed -j ACCEPT" in forward_in
    assert not [text for text in forward_in if "oifname" in text]


def test_what_nft_shows_as_opaque_is_read_from_iptables() -> None:
    opaque = [
        rule.text for rule in firewall.parse_nft(sample("debian12-nft.txt")) if "xt target" in rule.text
    ]

    checksum = [rule.text for rule in debian12() if rule.verdict == "checksum"]
    assert opaque == ['oifname "virbr-blue" udp dport 68 counter xt target CHECKSUM']
    assert checksum == ["-o virbr-blue -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill"]


def test_chains_of_nft_in_a_table_named_like_one_of_iptables_are_kept() -> None:
    native = firewall.parse_nft(sample("router-nft.txt"))

    rules = firewall.combine(native, {"ip": sample("router-iptables.txt")})

    assert [rule.text for rule in rules] == ['oifname "wan0" masquerade']


def test_libvirts_rules_are_told_from_others() -> None:
    by_libvirt = {rule.table: rule.by_libvirt for rule in debian12() if rule.chain in ("LIBVIRT_FWI", "in")}
    native = {rule.table: rule.by_libvirt for rule in firewall.parse_nft(sample("debian13-nft.txt"))}

    assert by_libvirt == {"filter": True, "forwards": False, "six": False}
    assert native == {"libvirt_network": True, "forwards": False}


def test_masquerading_is_found_in_rules_of_iptables() -> None:
    assert firewall.source_nats(debian12()) == (
        SourceNat("192.168.60.0/24", "enp1s0", ""),
        SourceNat("192.168.50.0/24", "", ""),
    )


def test_source_nat_is_found_in_rules_of_nft() -> None:
    assert firewall.source_nats(firewall.parse_nft(sample("debian13-nft.txt"))) == (
        SourceNat("192.168.91.0/24", "", ""),
        SourceNat("192.168.90.0/24", "", "192.168.1.11-192.168.1.12"),
        SourceNat("192.168.60.0/24", "enp1s0", ""),
        SourceNat("192.168.50.0/24", "", ""),
        SourceNat("fd00:91::/64", "", ""),
    )


def test_both_backends_of_libvirt_give_the_same_source_nat() -> None:
    iptables = firewall.source_nats(firewall.parse_iptables(sample("debian13-iptables.txt")))

    native = firewall.source_nats(firewall.parse_nft(sample("debian13-nft.txt")))
    assert iptables == tuple(nat for nat in native if ":" not in nat.subnet)


def test_port_forwards_are_found_in_both() -> None:
    assert firewall.port_forwards(debian12()) == (
        PortForward("tcp", "2222", "", "enp1s0", "192.168.50.21:22"),
        PortForward("udp", "5353", "192.168.1.10", "", "192.168.50.12"),
        PortForward("tcp", "{ 80, 443 }", "", "", "[2001:db8:2::5]:8443"),
        PortForward("tcp", "9000-9010", "", "", "192.168.50.11"),
        PortForward("tcp", "8080", "", "enp1s0", "192.168.50.11:80"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "-s 10.0.0.0/8 ! -o virbr0 -j SNAT --to-source 192.0.2.1:1024-65535",
            SourceNat("10.0.0.0/8", "", "192.0.2.1"),
        ),
        ("! -s 10.0.0.0/8 -o wan0 -j MASQUERADE", SourceNat("", "wan0", "")),
    ],
)
def test_a_negated_match_is_not_taken_for_a_match(text: str, expected: SourceNat) -> None:
    rules = firewall.parse_iptables(f"*nat\n[0:0] -A POSTROUTING {text}\nCOMMIT\n")

    assert firewall.source_nats(rules) == (expected,)


def test_a_host_without_iptables_has_the_rules_of_nft() -> None:
    rules = firewall.read_rules(Recorded(nft=sample("debian13-nft.txt")))

    assert tuple(rules) == firewall.parse_nft(sample("debian13-nft.txt"))


def test_a_host_without_nft_is_an_error_that_names_it() -> None:
    with pytest.raises(HostError, match="nft is not installed on host"):
        firewall.read_rules(Recorded())


def test_a_machine_without_iptables_is_no_error() -> None:
    class Bare(Recorded):
        def run(
            self, argv: Sequence[str], *, check: bool = True, timeout_s: float = 60.0, stdin: str = ""
        ) -> Completed:
            if argv[0] != "nft":
                raise ExecutableNotFound(argv[0])
            return super().run(argv, check=check)

    rules = firewall.read_rules(Bare(nft=sample("router-nft.txt")))

    assert [rule.verdict for rule in rules] == ["masquerade"]


@pytest.mark.host
def test_rules_of_a_real_namespace_are_read() -> None:
    ruleset = "table ip t { chain c { type nat hook postrouting priority srcnat; oifname up masquerade; }; }"
    forward = "iptables -t nat -A PREROUTING -p udp --dport 69 -j DNAT --to-destination 192.0.2.9"
    script = f"""nft '{ruleset}' && {forward} && exec "$@" """
    runner = LocalRunner("sandbox", prefix=(*NAMESPACES, "sh", "-c", script, "sh"))

    rules = firewall.read_rules(runner)

    assert firewall.source_nats(rules) == (SourceNat("", "up", ""),)
    assert firewall.port_forwards(rules) == (PortForward("udp", "69", "", "", "192.0.2.9"),)


@pytest.mark.host
def test_a_refused_request_is_an_error_with_the_programs_words() -> None:
    runner = LocalRunner("a user's own machine", prefix=("unshare", "--user"))

    with pytest.raises(CommandError, match="Operation not permitted"):
        firewall.read_rules(runner)
