"""Every check passes, fails, and says when it cannot be made: on real labs."""

import contextlib
import inspect
from collections.abc import Callable, Iterator

import pytest

import kvmlab as kl
from kvmlab import check
from kvmlab.check import CheckResult, Outcome
from kvmlab.evidence.definition import read_nics

pytestmark = pytest.mark.vm

Call = Callable[[kl.Lab], CheckResult]

#: By name of the check: what passes in the lab, and what fails there, each with what is observed.
CASES: dict[str, tuple[tuple[Call, str], tuple[Call, str]]] = {
    "has_address": (
        (lambda lab: check.has_address(lab, "vm1", "192.168.50.0/24"), "/24"),
        (lambda lab: check.has_address(lab, "vm1", "192.168.50.0/25"), "/24"),
    ),
    "host_has_address": (
        (lambda lab: check.host_has_address(lab, "virbr-blue", "192.168.50.1/24"), "192.168.50.1/24"),
        (lambda lab: check.host_has_address(lab, "br0", "192.168.1.10/24"), "no address"),
    ),
    "has_gateway": (
        (lambda lab: check.has_gateway(lab, "lan1", "192.168.1.1"), "192.168.1.1"),
        (lambda lab: check.has_gateway(lab, "vm1", "192.168.1.1"), "192.168.50.1"),
    ),
    "addresses_are_unique": (
        (lambda lab: check.addresses_are_unique(lab, "vm1", "vm2"), "52:54:00"),
        (lambda lab: with_twice_the_address(lab), "twice: 10.9.9.9"),
    ),
    "resolves": (
        (lambda lab: check.resolves(lab, "vm1", "www.example.com"), "198.51.100.10"),
        (lambda lab: check.resolves(lab, "vm1", "nobody.example.com"), "nobody knows this name"),
    ),
    "serves_dhcp": (
        (lambda lab: check.serves_dhcp(lab, "blue"), "192.168.50.2 to 192.168.50.254; dnsmasq is running"),
        (lambda lab: check.serves_dhcp(lab, "spare"), "network 'spare' is not active"),
    ),
    "has_lease": (
        (lambda lab: check.has_lease(lab, "vm2", "blue"), "leased: 192.168.50."),
        (lambda lab: check.has_lease(lab, "lan1", "blue"), "leased: nothing; used: 192.168.1."),
    ),
    "has_lan_lease": (
        (lambda lab: check.has_lan_lease(lab, "lan1"), "(leased)"),
        (lambda lab: check.has_lan_lease(lab, "vm1"), "192.168.50."),
    ),
    "is_port": (
        (lambda lab: check.is_port(lab, "vm1", "virbr-blue"), "virbr-blue, forwarding"),
        (lambda lab: check.is_port(lab, "enp1s0", "br0"), "enp1s0 is a port of no bridge"),
    ),
    "ports_are_isolated": (
        (lambda lab: with_isolated_ports(lab), "is isolated"),
        (lambda lab: check.ports_are_isolated(lab, "vm1", "vm2"), "is not isolated"),
    ),
    "network_is_active": (
        (lambda lab: check.network_is_active(lab, "blue", forward="nat"), "active, forward mode nat"),
        (lambda lab: check.network_is_active(lab, "blue", forward=None), "active, forward mode nat"),
    ),
    "network_autostarts": (
        (lambda lab: with_autostart(lab), "autostart is on"),
        (lambda lab: check.network_autostarts(lab, "spare"), "autostart is off"),
    ),
    "forwards": (
        (lambda lab: check.forwards(lab), "net.ipv4.ip_forward = 1"),
        (lambda lab: check.forwards(lab, host="pc"), "net.ipv4.ip_forward = 0"),
    ),
    "knows_route": (
        (lambda lab: check.knows_route(lab, "192.168.1.0/24", via=""), "its own link dev lan0"),
        (lambda lab: check.knows_route(lab, "192.168.50.0/24", via="192.168.1.10"), "no route"),
    ),
    "seen_as": (
        (lambda lab: check.seen_as(lab, "vm1", "192.168.1.10"), "the PC sees 192.168.1.10"),
        (lambda lab: check.seen_as(lab, "vm2"), "the PC sees 192.168.1.10"),
    ),
    "answers": (
        (lambda lab: check.answers(lab, "lan1", "pc", 80, text="hello, you are 192.168.1."), "hello"),
        (lambda lab: check.answers(lab, "vm1", "pc", 81, text="hello"), "nobody answers"),
    ),
    "has_filter": (
        (lambda lab: with_filter(lab, check.has_filter, "no-mac-spoofing"), "no-mac-spoofing"),
        (lambda lab: check.has_filter(lab, "vm1", "clean-traffic"), "no filter"),
    ),
    "spoofing_is_stopped": (
        (lambda lab: with_filter(lab, check.spoofing_is_stopped, "192.168.50.1"), "did not answer"),
        (lambda lab: check.spoofing_is_stopped(lab, "vm1", "192.168.50.1"), "answered 0a:6b"),
    ),
    "carries": (
        (lambda lab: check.carries(lab, "vm1", "internet", 1500), "1500 bytes come through"),
        (lambda lab: check.carries(lab, "vm1", "internet", 1600), "do not come through"),
    ),
    "has_mtu": (
        (lambda lab: check.has_mtu(lab, "vm2", 1500), "eth0: 1500"),
        (lambda lab: check.has_mtu(lab, "vm2", 9000), "eth0: 1500"),
    ),
    "has_model": (
        (lambda lab: check.has_model(lab, "vm2", "rtl8139"), "libvirt: rtl8139; in the guest: 10ec:8139"),
        (lambda lab: check.has_model(lab, "vm1", "rtl8139"), "libvirt: virtio; in the guest: 1af4:1041"),
    ),
    "has_driver": (
        (lambda lab: check.has_driver(lab, "vm2", "8139cp"), "10ec:8139: 8139cp"),
        (lambda lab: check.has_driver(lab, "vm2", "8139too"), "10ec:8139: 8139cp"),
    ),
    "reaches": (
        (lambda lab: check.reaches(lab, "vm1", "internet", port=80), "reaches"),
        (lambda lab: check.reaches(lab, "pc", "vm1"), "blocked"),
    ),
    "is_blocked": (
        (lambda lab: check.is_blocked(lab, "pc", "vm1", control="host"), "blocked"),
        (lambda lab: check.is_blocked(lab, "vm1", "vm2", control="host"), "reaches"),
    ),
    "throughput_is_between": (
        (lambda lab: check.throughput_is_between(lab, "vm1", "pc", low_mbit_s=1, duration_s=1), "Mbit/s"),
        (
            lambda lab: check.throughput_is_between(lab, "vm1", "pc", low_mbit_s=1e6, duration_s=1),
            "Mbit/s",
        ),
    ),
    "is_faster": (
        (lambda lab: check.is_faster(lab, "vm1", "vm2", "192.168.1.20", factor=0.01, turns=1), "Mbit/s"),
        (lambda lab: check.is_faster(lab, "vm2", "vm1", "192.168.1.20", factor=100, turns=1), "Mbit/s"),
    ),
}


def with_twice_the_address(lab: kl.Lab) -> CheckResult:
    with contextlib.ExitStack() as stack:
        for name in ("vm1", "vm2"):
            guest = lab.domain(name)
            guest.run(["ip", "address", "add", "10.9.9.9/32", "dev", "eth0"])
            stack.callback(guest.run, ["ip", "address", "delete", "10.9.9.9/32", "dev", "eth0"])
        return check.addresses_are_unique(lab, "vm1", "vm2")


def with_isolated_ports(lab: kl.Lab) -> CheckResult:
    taps = [nic.tap for nic in lab.guest_nics() if nic.network == "blue" and nic.tap]
    with contextlib.ExitStack() as stack:
        for tap in taps:
            lab.host.run(["bridge", "link", "set", "dev", tap, "isolated", "on"])
            stack.callback(lab.host.run, ["bridge", "link", "set", "dev", tap, "isolated", "off"])
        return check.ports_are_isolated(lab, "vm1", "vm2")


def with_autostart(lab: kl.Lab) -> CheckResult:
    lab.host.run(["virsh", "net-autostart", "spare"])
    result = check.network_autostarts(lab, "spare")
    lab.host.run(["virsh", "net-autostart", "spare", "--disable"])
    return result


def with_filter(lab: kl.Lab, function: Callable[..., CheckResult], argument: str) -> CheckResult:
    """Make a check while libvirt filters the NIC of vm2."""
    with filtered(lab, "vm2"):
        return function(lab, "vm2", argument)


@contextlib.contextmanager
def filtered(lab: kl.Lab, domain: str) -> Iterator[None]:
    nic = next(nic for nic in read_nics(lab) if nic.domain == domain)
    bare = (
        f"<interface type='network'><mac address='{nic.mac}'/><source network='{nic.network}'/>"
        f"<target dev='{nic.tap}'/><model type='{nic.model}'/>%s</interface>"
    )
    update = ["virsh", "update-device", domain, "/dev/stdin", "--live"]
    lab.host.run(update, stdin=bare % "<filterref filter='no-mac-spoofing'/>")
    try:
        yield
    finally:
        lab.host.run(update, stdin=bare % "")


each_check = pytest.mark.parametrize("name", CASES)


def test_every_check_is_tested() -> None:
    functions = {name for name in check.__all__ if inspect.isfunction(getattr(check, name))}

    assert set(CASES) == functions


@each_check
def test_a_check_passes_where_the_lab_is_as_it_should_be(lab: kl.Lab, name: str) -> None:
    call, observed = CASES[name][0]

    result = call(lab)

    assert result.outcome is Outcome.PASSED, result
    assert observed in result.observed
    assert result.hint == ""


@each_check
def test_a_check_fails_where_the_lab_is_not_as_it_should_be(lab: kl.Lab, name: str) -> None:
    call, observed = CASES[name][1]

    result = call(lab)

    assert result.outcome is Outcome.FAILED, result
    assert observed in result.observed
    assert result.hint


#: Checks of the cases that do something to the lab first; in a lab that is gone they look at once.
_BARE: dict[str, Call] = {
    "addresses_are_unique": lambda lab: check.addresses_are_unique(lab, "vm1", "vm2"),
    "ports_are_isolated": lambda lab: check.ports_are_isolated(lab, "vm1", "vm2"),
    "network_autostarts": lambda lab: check.network_autostarts(lab, "spare"),
    "has_filter": lambda lab: check.has_filter(lab, "vm1", "clean-traffic"),
    "spoofing_is_stopped": lambda lab: check.spoofing_is_stopped(lab, "vm1", "192.168.50.1"),
}


@each_check
def test_a_check_of_a_lab_that_is_gone_could_not_be_made(gone: kl.Lab, name: str) -> None:
    result = _BARE.get(name, CASES[name][0][0])(gone)

    assert result.outcome is Outcome.ERROR, result
    assert "lab 'gone' is not running" in result.observed or "libvirtd" in result.observed
    assert result.hint
