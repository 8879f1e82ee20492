"""A packet followed in a lab: what NAT does to it, and which rule drops it."""

from collections.abc import Iterator
from pathlib import Path

import dpkt
import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab._run import LocalRunner
from kvmlab.errors import SpecError
from kvmlab.tracing import Walk
from kvmlab.tracing.rules import TABLE

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    """One guest behind NAT, one in an isolated network."""
    with kl.Lab.start("walk", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        lab.define(kl.NetworkSpec(name="island", subnet="192.168.60.0/24")).start()
        for name, network, model in (("vm1", "blue", "virtio"), ("vm2", "island", "rtl8139")):
            nic = kl.InterfaceSpec(network=network, model=model)
            lab.define(kl.DomainSpec(name=name, interfaces=(nic,)))
        kl.start_all(lab.domains(), progress=Silent())
        yield lab


def way(walk: Walk, what: str) -> list[tuple[str, str, str]]:
    """Host, link and direction of each sighting."""
    links = ((hop, "tap" if hop.link.startswith("vnet") else hop.link) for hop in walk.hops)
    return [(hop.host, link, hop.direction) for hop, link in links if hop.what == what]


def test_nat_gives_a_packet_the_hosts_address_and_the_answer_the_guests(lab: kl.Lab) -> None:
    vm1 = lab.domain("vm1")

    walk = kl.trace(lab, vm1, "8.8.8.8")

    assert walk.answered
    assert walk.outcome == "It arrived, and the answer came back."
    assert way(walk, "echo request") == [
        ("vm1", "eth0", "out"),
        ("host", "tap", "in"),
        ("host", "virbr-blue", "in"),
        ("host", "enp1s0", "out"),
        ("switch", "port1", "in"),
        ("switch", "port3", "out"),
        ("router", "lan0", "in"),
        ("router", "wan0", "out"),
        ("internet", "isp0", "in"),
    ]
    sources = [hop.source for hop in walk.hops if hop.what == "echo request"]
    assert list(dict.fromkeys(sources)) == [vm1.address, "192.168.1.10", "203.0.113.2"]
    assert walk.hops[-1].destination == vm1.address
    assert any(hit.rule.endswith("masquerade") for hit in walk.rules)


@pytest.mark.parametrize("port", [None, 80], ids=["icmp", "tcp"])
def test_the_rule_that_closes_an_isolated_network_is_named(lab: kl.Lab, port: int | None) -> None:
    vm2 = lab.domain("vm2")
    vm2.run(["ip", "route", "replace", "default", "via", "192.168.60.1"])

    walk = kl.trace(lab, vm2, "192.168.1.20", port=port)

    assert not walk.answered
    assert walk.outcome.startswith("A rule dropped it: ip ")
    assert 'iifname "virbr-island"' in walk.outcome
    assert "reject" in walk.outcome
    assert {hop.host for hop in walk.hops} <= {"vm2", "host"}


def test_a_connection_is_followed_by_its_handshake(lab: kl.Lab) -> None:
    walk = kl.trace(lab, lab.domain("vm1"), "192.168.1.20", port=80)

    assert walk.answered
    assert {hop.what for hop in walk.hops} == {"SYN", "SYN, ACK"}


def test_a_packet_that_nobody_knows_a_way_for_is_lost_where_the_ways_end(lab: kl.Lab) -> None:
    walk = kl.trace(lab, lab.pc, lab.domain("vm1"))

    assert not walk.answered
    assert walk.outcome == "It was last seen at isp0 of internet (in, echo request)."


def test_the_picture_shows_the_way_there_and_back_with_the_numbers_of_the_table(lab: kl.Lab) -> None:
    walk = kl.trace(lab, lab.domain("vm1"), "8.8.8.8")

    trail = walk.draw().trail

    there = [step.node for step in trail.steps if not step.is_answer]
    back = [step.node for step in trail.steps if step.is_answer]
    tap = next(hop.link for hop in walk.hops if hop.host == "host")
    assert there == [
        "guest/vm1/nic0",
        f"host/{tap}",
        "host/virbr-blue",
        "host/enp1s0",
        "switch",
        "router",
        "internet/provider",
        "internet/dns.google",
    ]
    assert back == there[::-1]
    assert [step.first for step in trail.steps][:3] == [1, 2, 3]
    assert trail.steps[-1].last == walk.hops[-1].number == len(walk.hops)
    assert {"host/virbr-blue -- host/virbr-blue/nat", "host/virbr-blue/nat -- host/enp1s0"} <= {
        passage.edge for passage in trail.passages
    }
    assert trail.end == ""


def test_the_picture_marks_the_edge_where_a_rule_dropped_the_packet(lab: kl.Lab) -> None:
    vm2 = lab.domain("vm2")
    vm2.run(["ip", "route", "replace", "default", "via", "192.168.60.1"])

    trail = kl.trace(lab, vm2, "192.168.1.20").draw().trail

    assert trail.end == "host/virbr-island -- host/enp1s0"
    assert "reject" in trail.note


def test_a_lost_answer_ends_where_it_was_seen_last_and_a_new_picture_shows_it_too(lab: kl.Lab) -> None:
    walk = kl.trace(lab, lab.pc, lab.domain("vm1"))

    drawing = kl.draw(lab, walk=walk)

    assert drawing.trail.end == "internet/provider"
    assert "! internet/provider: seen no further" in repr(drawing)


def test_nothing_of_the_trace_is_left(lab: kl.Lab) -> None:
    kl.trace(lab, lab.pc, "192.168.1.10")

    assert TABLE not in {rule.table for rule in lab.firewall_rules()}
    for where in (lab.host, lab.domain("vm1")):
        states = where.run(["ps", "-C", "tcpdump", "-o", "stat="], check=False).stdout.split()
        assert [state for state in states if state[0] != "Z"] == []  # the machine's init collects the others


def test_captures_are_saved_for_wireshark_and_tcpdump(lab: kl.Lab, tmp_path: Path) -> None:
    files = kl.trace(lab, lab.pc, "192.168.1.10").save(tmp_path / "walk")

    assert [file.name for file in files] == [
        f"{h}.pcap" for h in ("host", "switch", "router", "pc", "internet")
    ]
    for file in files:
        with file.open("rb") as stream:
            assert dpkt.pcap.Reader(stream).datalink() == 276
    printed = LocalRunner().run(["tcpdump", "-n", "-r", str(files[0])]).stdout
    assert "192.168.1.20 > 192.168.1.10: ICMP echo request" in printed


def test_a_destination_without_address_is_refused(lab: kl.Lab) -> None:
    with pytest.raises(SpecError, match="the destination has no address"):
        kl.trace(lab, lab.pc, "")
