"""A real lab, broken in one way after the other: each shows, and is gone once it is mended."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.topology import Topology

pytestmark = pytest.mark.vm

#: Seconds in which the kernel must have noticed what was broken or mended.
BOUND_S = 30.0
NIC = "guest/vm1/nic0"
ROUTE = "host/virbr-blue -- host/virbr-blue/nat"


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    """Two guests behind NAT; each test leaves it as it was."""
    with kl.Lab.start("broken", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        for name, model in (("vm1", "rtl8139"), ("vm2", "virtio")):
            nic = kl.InterfaceSpec(network="blue", model=model, target=f"{name}-0")
            lab.define(kl.DomainSpec(name=name, interfaces=(nic,)))
        kl.start_all(lab.domains(), progress=Silent())
        yield lab


def seen(lab: kl.Lab, is_so: Callable[[Topology], object]) -> Topology:
    """Return a topology of which something holds, as soon as it does; the last one if it never does."""
    deadline = time.monotonic() + BOUND_S
    while not is_so(topology := kl.snapshot(lab)) and time.monotonic() < deadline:
        pass
    return topology


def told(topology: Topology) -> list[tuple[str, str]]:
    return [(finding.item, finding.actual) for finding in topology.findings]


@contextlib.contextmanager
def changed(where: kl.Lab, *commands: str, back: tuple[str, ...]) -> Iterator[None]:
    """Run commands on the KVM host, and others at the end."""
    try:
        for command in commands:
            where.host.run(command.split())
        yield
    finally:
        for command in back:
            where.host.run(command.split())


def test_a_healthy_lab_is_as_expected(lab: kl.Lab) -> None:
    assert told(seen(lab, lambda topology: not topology.findings)) == []


@pytest.mark.parametrize(
    ("breaking", "mending", "expected"),
    [
        (
            "ip link set vm1-0 nomaster",
            "ip link set vm1-0 master virbr-blue",
            ("host/vm1-0 -- host/virbr-blue", "no port of it"),
        ),
        (
            "bridge link set dev vm1-0 state 1",
            "bridge link set dev vm1-0 state 3",
            ("host/vm1-0 -- host/virbr-blue", "port state listening"),
        ),
        (
            "bridge link set dev vm1-0 isolated on",
            "bridge link set dev vm1-0 isolated off",
            ("host/vm1-0 -- host/virbr-blue", "isolated"),
        ),
        ("ip link set vm1-0 down", "ip link set vm1-0 up", ("host/vm1-0", "set down")),
        ("sysctl -w net.ipv4.ip_forward=0", "sysctl -w net.ipv4.ip_forward=1", (ROUTE, "ip_forward 0")),
        (
            "iptables -I FORWARD -j DROP",
            "iptables -D FORWARD -j DROP",
            (ROUTE, "out: drop (-j DROP)"),
        ),
        (
            "ip address del 192.168.50.1/24 dev virbr-blue",
            "ip address add 192.168.50.1/24 dev virbr-blue",
            ("host/virbr-blue", "no address in it"),
        ),
    ],
)
def test_what_is_broken_on_the_host_shows_at_its_place(
    lab: kl.Lab, breaking: str, mending: str, expected: tuple[str, str]
) -> None:
    with changed(lab, breaking, back=(mending,)):
        topology = seen(lab, lambda topology: expected in told(topology))

    assert expected in told(topology)


def test_a_nat_rule_that_is_gone_is_missing_between_bridge_and_uplink(lab: kl.Lab) -> None:
    saved = lab.host.run(["iptables-save", "--table", "nat"]).stdout
    try:
        lab.host.run(["iptables", "--table", "nat", "--flush"])
        topology = kl.snapshot(lab)
    finally:
        lab.host.run(["iptables-restore"], stdin=saved)

    assert ("host/virbr-blue/nat", "no NAT rule") in told(topology)
    assert {edge.state for edge in topology.edges if "host/virbr-blue/nat" in edge.id} == {"missing"}


def test_a_cable_that_was_pulled_is_down(lab: kl.Lab) -> None:
    lab.switch.run(["ip", "link", "set", "port1", "down"])
    try:
        topology = seen(lab, lambda topology: topology.findings)
    finally:
        lab.switch.run(["ip", "link", "set", "port1", "up"])
        route = ["ip", "route", "replace", "default", "via", "192.168.1.1"]
        lab.host.run(route)  # the kernel took it away with the cable

    assert ("host/enp1s0 -- switch", "port1 set down") in told(topology)


def test_a_cable_that_libvirt_pulled_leaves_the_guest_without_a_carrier(lab: kl.Lab) -> None:
    link = ["virsh", "domif-setlink", "vm2", "vm2-0"]
    lab.host.run([*link, "down"])
    try:
        topology = seen(lab, lambda topology: topology.findings)
    finally:
        lab.host.run([*link, "up"])
        lab.domain("vm2").wait_until_ready()  # its DHCP client gave the address up

    assert ("guest/vm2/nic0", "no carrier") in told(topology)


def test_a_guest_without_an_address_is_told_of_the_dhcp_that_would_give_one(lab: kl.Lab) -> None:
    vm2 = lab.domain("vm2")
    vm2.run(["pkill", "-STOP", "dhcpcd"])  # it would mend this at once
    vm2.run(["ip", "-4", "address", "flush", "dev", "eth0"])
    try:
        topology = kl.snapshot(lab)
    finally:
        vm2.run(["pkill", "-CONT", "dhcpcd"])
        vm2.wait_until_ready()

    (finding,) = [found for found in topology.findings if found.item == "guest/vm2/nic0"]
    assert (finding.expected, finding.actual) == (
        "an IPv4 address from DHCP of network blue",
        "no address",
    )


def test_a_nic_whose_driver_was_unbound_has_none(lab: kl.Lab) -> None:
    vm1 = lab.domain("vm1")
    driver = "/sys/bus/pci/drivers/8139cp"
    found = vm1.run(["sh", "-c", f"cd {driver} && ls -d 0000:*"]).stdout.strip()
    vm1.run(["sh", "-c", f"echo {found} > {driver}/unbind"])
    try:
        topology = kl.snapshot(lab)
    finally:
        vm1.run(["sh", "-c", f"echo {found} > {driver}/bind"])

    (finding,) = [found for found in topology.findings if found.item == NIC]
    assert (finding.expected, finding.actual) == ("driver 8139cp", "no driver")


def test_an_uplink_in_a_bridge_that_kept_its_address_is_told(lab: kl.Lab) -> None:
    with changed(
        lab,
        "ip link add br9 type bridge",
        "ip link set br9 up",
        "ip link set enp1s0 master br9",
        back=("ip link delete br9",),
    ):
        topology = seen(
            lab, lambda topology: ("host/enp1s0", "192.168.1.10/24 on the port") in told(topology)
        )

    (finding,) = [found for found in topology.findings if found.item == "host/enp1s0"]
    assert finding.expected == "its address on br9"


def test_a_network_that_was_stopped_under_its_guests_is_told(lab: kl.Lab) -> None:
    network = lab.network("blue")
    network.destroy(force=True)
    try:
        topology = kl.snapshot(lab)
    finally:
        network.start()
        for name in ("vm1", "vm2"):
            lab.host.run(["ip", "link", "set", f"{name}-0", "master", "virbr-blue"])

    assert ("host/virbr-blue", "network inactive") in told(topology)
    assert ("host/vm1-0 -- host/virbr-blue", "no port of it") in told(topology)


def test_a_lab_that_was_mended_is_as_expected_again(lab: kl.Lab) -> None:
    lab.domain("vm1").run(["sh", "-c", "ip link set eth0 up; ip -4 address show dev eth0"])

    left = [found for found in told(kl.snapshot(lab)) if found[0] != NIC]  # its new link has no address yet

    assert left == []
