"""Traces of the firewall, as nft 1.0.6 and 1.1.3 print them."""

from kvmlab.host.chains import BaseChain
from kvmlab.tracing.rules import RuleHit, killer, parse, ruleset, with_hooks

REJECTED = """\
trace id 0ea23f84 inet kvmlab-trace prerouting packet: iif "lo" @ll,0,112 0x800 ip saddr 127.0.0.1
trace id 0ea23f84 inet kvmlab-trace prerouting rule iifname "lo" meta nftrace set 1 (verdict continue)
trace id 0ea23f84 ip filter INPUT policy accept
trace id da62aabc inet kvmlab-trace prerouting packet: iif "virbr-island" ip saddr 192.168.60.73
trace id da62aabc ip filter FORWARD rule counter packets 3 bytes 252 jump LIBVIRT_FWO (verdict jump LIBVIRT_FWO)
trace id da62aabc ip filter LIBVIRT_FWO rule iifname "virbr-island" counter packets 1 bytes 84 reject (verdict drop)
"""  # noqa: E501
DROPPED_BY_POLICY = """\
trace id 5dafd0fa ip filter FORWARD packet: iif "br0" oif "eth0"
trace id 5dafd0fa ip filter FORWARD verdict continue
trace id 5dafd0fa ip filter FORWARD policy drop
"""
PASSED = """\
trace id 1 ip filter LIBVIRT_FWO rule iifname "virbr-blue" ip saddr 192.168.50.0/24 accept (verdict accept)
trace id 1 ip nat POSTROUTING policy accept
"""


def test_rules_are_read_without_counters_and_without_the_traces_own() -> None:
    assert parse(REJECTED.splitlines()) == [
        RuleHit("da62aabc", "ip", "filter", "FORWARD", "jump LIBVIRT_FWO", "jump LIBVIRT_FWO"),
        RuleHit("da62aabc", "ip", "filter", "LIBVIRT_FWO", 'iifname "virbr-island" reject', "drop"),
    ]


def test_the_rule_that_dropped_the_packet_is_found() -> None:
    found = killer(parse(REJECTED.splitlines()))

    assert found is not None
    assert found.rule == 'iifname "virbr-island" reject'


def test_a_rule_in_a_chain_that_was_jumped_to_is_met_at_the_hook_of_the_first_chain() -> None:
    chains = (BaseChain("ip", "filter", "FORWARD", "forward", "accept"),)

    hits = list(with_hooks(parse(REJECTED.splitlines()), chains))

    assert [(hit.chain, hit.hook) for hit in hits] == [("FORWARD", "forward"), ("LIBVIRT_FWO", "forward")]


def test_a_policy_can_drop_a_packet_too() -> None:
    found = killer(parse(DROPPED_BY_POLICY.splitlines()))

    assert found is not None
    assert (found.chain, found.rule) == ("FORWARD", "policy")


def test_a_packet_that_passed_was_dropped_by_nobody() -> None:
    assert killer(parse(PASSED.splitlines())) is None


def test_the_ruleset_marks_what_is_looked_for_in_both_directions() -> None:
    text = ruleset("tcp sport 40001")

    assert text.count("tcp sport 40001 meta nftrace set 1") == 2
    assert "hook prerouting" in text
    assert "hook output" in text
