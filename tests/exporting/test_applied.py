"""Each kind of host configuration, applied in a fresh lab, makes the same host."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.exporting import Export
from kvmlab.exporting.plan import HostLink, HostPlan
from tests.exporting.real_host import TOOLS, configured, in_time, reached, silent

pytestmark = pytest.mark.host

#: A host that somebody set up with ip(8): a bridge on the uplink, one without, a macvlan, a tap, a router.
BY_HAND = """\
link add name br0 type bridge stp_state 0 forward_delay 0
link set dev br0 up
link set dev enp1s0 mtu 1400
link set dev br0 mtu 1400
link set dev enp1s0 master br0
address flush dev enp1s0 scope global
address add 192.168.1.10/24 broadcast + dev br0
address add 2001:db8:1::10/64 dev br0
route replace default via 192.168.1.1 dev br0
route replace default via 2001:db8:1::1 dev br0
route add 172.16.0.0/16 via 192.168.1.20 dev br0
link add name br9 type bridge stp_state 1 forward_delay 200
link set dev br9 up
address add 10.9.9.1/24 broadcast + dev br9
address add fd00:9::1/64 dev br9
link add name br8 type bridge stp_state 0 forward_delay 0
link set dev br8 up
tuntap add dev tap8 mode tap
link set dev tap8 master br8
link set dev tap8 up
link set dev enp2s0 master br8
link add link br0 name host0 type macvlan mode bridge
link set dev host0 mtu 1400
address add 192.168.1.11/32 dev host0
link set dev host0 up
route add 192.168.1.77/32 dev host0
"""


@pytest.fixture(scope="module")
def by_hand() -> Iterator[Export]:
    with silent("by-hand") as lab:
        lab.host.run(["ip", "-batch", "-"], stdin=BY_HAND)
        lab.host.run(["bridge", "link", "set", "dev", "enp2s0", "isolated", "on"])
        lab.host.run(["sysctl", "--write", "net.ipv4.ip_forward=1"])
        yield kl.export(lab)


def kept_by(tool: str, plan: HostPlan) -> HostPlan:
    """What a tool can express; for the rest it has remarks (test_tools.py)."""
    links: tuple[HostLink, ...] = plan.links
    if tool in ("nmcli", "netplan"):
        links = tuple(replace(link, isolated=False) for link in links)
    if tool == "netplan":
        links = tuple(link for link in links if link.kind not in ("macvlan", "tap"))
    return replace(plan, links=links)


def test_what_was_set_up_by_hand_is_seen(by_hand: Export) -> None:
    plan = by_hand.plan

    assert {link.name: link.kind for link in plan.links} == {
        "br0": "bridge",
        "br8": "bridge",
        "br9": "bridge",
        "enp1s0": "nic",
        "enp2s0": "nic",
        "host0": "macvlan",
        "tap8": "tap",
    }
    assert [(link.stp, link.forward_delay_s, link.mtu) for link in plan.links[:3]] == [
        (False, None, 1400),
        (False, None, 1500),
        (True, 2, 1500),
    ]
    assert plan.forwarding == (4,)
    assert [command.argv[3:] for command in by_hand.elsewhere] == [
        ("10.9.9.0/24", "via", "192.168.1.10"),
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_same_host_is_made(tool: str, by_hand: Export, tmp_path: Path) -> None:
    wanted = kept_by(tool, by_hand.plan)

    with silent(f"by-{tool}") as lab, configured(lab, by_hand, tool, tmp_path / "log"):
        is_same = in_time(lambda: reached(lab, wanted))

        assert is_same, f"{kl.export(lab).plan}\n{wanted}"
        # the LAN reaches the host under the address that moved, and the macvlan's where there is one
        assert in_time(lambda: kl.ping(lab.pc, "192.168.1.10", count=1).received == 1)
