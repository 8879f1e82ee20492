"""What the kernel of a lab's host is set to."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab._run import LocalRunner
from kvmlab.errors import HostError
from kvmlab.evidence.host import BaseChain, HostView, read_host


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("evidence", progress=Silent()) as lab:
        yield lab


@pytest.mark.host
def test_a_host_forwards_once_it_is_told_to(lab: kl.Lab) -> None:
    before = read_host(lab.pc).forwards
    lab.pc.run(["sysctl", "--write", "net.ipv4.ip_forward=1"])

    after = read_host(lab.pc).forwards

    assert (before, after) == (False, True)


@pytest.mark.host
def test_the_stricter_check_of_source_addresses_counts(lab: kl.Lab) -> None:
    lab.pc.run(["sysctl", "--write", "net.ipv4.conf.eth0.rp_filter=1", "net.ipv4.conf.all.rp_filter=2"])

    assert read_host(lab.pc).strictness("eth0") == 2


@pytest.mark.host
def test_chains_that_drop_are_found_by_their_hook(lab: kl.Lab) -> None:
    lab.pc.run(
        ["nft", "-f", "-"],
        stdin="table inet x { chain y { type filter hook forward priority 0; policy drop; }; }\n",
    )

    view = read_host(lab.pc)

    assert view.dropping("forward") == (BaseChain("inet", "x", "y", "forward", "drop"),)
    assert view.dropping("input") == ()


def test_a_policy_for_ipv6_drops_no_ipv4() -> None:
    chain = BaseChain("ip6", "filter", "FORWARD", "forward", "drop")

    assert HostView(True, None, {}, (chain,)).dropping("forward") == ()


def test_a_host_that_says_nothing_useful_is_an_error() -> None:
    with pytest.raises(HostError, match="cannot be read"):
        read_host(LocalRunner("odd", prefix=("echo",)))
