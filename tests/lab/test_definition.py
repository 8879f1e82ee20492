"""What is defined is checked against what the lab has; after a refusal nothing of it is there."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.errors import DaemonError, LibvirtError, SpecError
from kvmlab.spec import addressing
from kvmlab.spec.reservation import Reservation
from lab.conftest import SUBNET, start
from lab.watching import processes_of

pytestmark = pytest.mark.host

#: Boots nothing, but can be defined without a guest image.
BOOT = kl.DirectBoot(kernel=Path("/k"), initrd=Path("/i"), root=Path("/r"), cmdline="quiet")
MAC = "52:54:00:11:22:33"


def guest(name: str, *nics: kl.InterfaceSpec) -> kl.DomainSpec:
    return kl.DomainSpec(name=name, boot=BOOT, interfaces=nics)


def nic(**options: str) -> kl.InterfaceSpec:
    return kl.InterfaceSpec(network="blue", **options)


@pytest.fixture(scope="module")
def shared() -> Iterator[kl.Lab]:
    with start("definition") as lab:
        yield lab


@pytest.fixture
def lab(shared: kl.Lab) -> Iterator[kl.Lab]:
    """A lab with the network blue, and nothing else when a test begins."""
    shared.define(kl.NetworkSpec(name="blue", subnet=SUBNET, forward="nat"))

    yield shared

    for domain in shared.domains():
        domain.undefine()
    for network in shared.networks():
        if network.is_active:
            network.destroy()
        network.undefine()


def seen(lab: kl.Lab) -> tuple[list[str], list[str], tuple[Reservation, ...], str]:
    """Networks, domains, reservations, and links of the KVM host."""
    links = lab.host.run(["ip", "-brief", "link"]).stdout
    domains = [domain.name for domain in lab.domains()]
    return [network.name for network in lab.networks()], domains, lab.network("blue").reservations(), links


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (kl.NetworkSpec(name="blue", subnet="10.1.0.0/24"), "network 'blue' exists already"),
        (
            kl.NetworkSpec(name="red", subnet="192.168.50.128/25"),
            "subnet 192.168.50.128/25 overlaps 192.168.50.0/24 of network 'blue'",
        ),
        (kl.NetworkSpec(name="red", subnet="192.168.0.0/23"), "overlaps 192.168.1.0/24 of the LAN"),
        (kl.NetworkSpec(name="red", subnet="203.0.113.64/26"), "of the provider's network"),
        (kl.NetworkSpec(name="red", subnet="8.8.8.0/24"), "of the internet's server 8.8.8.8"),
        (kl.NetworkSpec(name="red", subnet6="2001:db8:1::/64"), r"of the LAN \(IPv6\)"),
        (kl.NetworkSpec(name="red", bridge="virbr-blue"), "bridge 'virbr-blue' belongs to network 'blue'"),
    ],
    ids=lambda value: (
        value.subnet or value.subnet6 or value.bridge if isinstance(value, kl.NetworkSpec) else ""
    ),
)
def test_a_network_that_clashes_is_refused(lab: kl.Lab, spec: kl.NetworkSpec, message: str) -> None:
    before = seen(lab)

    with pytest.raises(SpecError, match=message) as caught:
        lab.define(spec)

    assert caught.value.hint
    assert seen(lab) == before


def test_a_domain_that_clashes_is_refused(lab: kl.Lab) -> None:
    lab.define(guest("vm1", nic(mac=MAC, address="192.168.50.9")))
    before = seen(lab)

    for spec, message in (
        (guest("vm1"), "domain 'vm1' exists already"),
        (guest("vm2", nic(mac=MAC.upper())), f"MAC address {MAC} belongs to domain 'vm1'"),
        (guest("vm2", nic(address="192.168.50.9")), "address 192.168.50.9 is taken in network 'blue'"),
        (guest("vm2", kl.InterfaceSpec(network="green")), "there is no network 'green' in this lab"),
    ):
        with pytest.raises(SpecError, match=message) as caught:
            lab.define(spec)
        assert caught.value.hint

    assert seen(lab) == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kl.NetworkSpec(name="red", subnet="192.168.51.0/33"), "192.168.51.0/33"),
        (lambda: kl.NetworkSpec(name="red", subnet="192.168.51"), "192.168.51"),
        (lambda: nic(mac="01:00:5e:00:00:01"), "01:00:5e:00:00:01"),
        (lambda: guest("vm1", nic(mac=MAC), nic(mac=MAC)), MAC),
        (lambda: nic(model="rtl8140"), "rtl8140"),
        (lambda: kl.NetworkSpec(name="a-very-long-name", subnet="192.168.51.0/24"), "a-very-long-name"),
    ],
)
def test_bad_input_is_refused_before_a_lab_is_asked(make: object, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        make()  # type: ignore[operator]

    assert caught.value.hint


def test_an_address_that_is_asked_for_is_reserved(lab: kl.Lab) -> None:
    lab.define(guest("vm1", nic(address="192.168.50.9")))

    (reservation,) = lab.network("blue").reservations()

    assert reservation == Reservation(
        mac=addressing.mac_for("definition", "vm1", 0), name="vm1", address="192.168.50.9"
    )


def test_a_domain_that_libvirt_refuses_leaves_no_reservation(lab: kl.Lab) -> None:
    before = seen(lab)
    unreadable = replace(BOOT, cmdline="\x01")  # no character of XML
    broken = kl.DomainSpec(name="vm1", boot=unreadable, interfaces=(nic(address="192.168.50.9"),))

    with pytest.raises(LibvirtError, match="cannot define domain 'vm1'"):
        lab.define(broken)

    assert seen(lab) == before


def test_a_domain_can_be_defined_again_after_it_was_undefined(lab: kl.Lab) -> None:
    lab.define(guest("vm1", nic(address="192.168.50.9"))).undefine()

    lab.define(guest("vm1", nic(address="192.168.50.9")))

    assert [row.name for row in lab.network("blue").reservations()] == ["vm1"]


def test_the_address_of_an_undefined_domain_is_free_for_another(lab: kl.Lab) -> None:
    lab.define(guest("vm1", nic(address="192.168.50.9"))).undefine()

    lab.define(guest("vm2", nic(address="192.168.50.9")))

    assert [row.name for row in lab.network("blue").reservations()] == ["vm2"]


def test_a_domain_that_virsh_undefined_can_be_defined_again(lab: kl.Lab) -> None:
    lab.define(guest("vm1", nic(address="192.168.50.9"))).vir.undefine()

    lab.define(guest("vm1", nic(address="192.168.50.10")))

    assert [row.address for row in lab.network("blue").reservations()] == ["192.168.50.10"]


def test_what_a_learner_reserved_by_hand_stays(lab: kl.Lab) -> None:
    own = Reservation(mac="52:54:00:00:00:99", name="printer", address="192.168.50.99")
    lab.network("blue").reserve(own)

    lab.define(guest("vm1", nic(address="192.168.50.9"))).undefine()
    lab.define(guest("vm2", nic(address="192.168.50.9")))

    assert own in lab.network("blue").reservations()


@pytest.mark.parametrize("folder", ["/run", "/var/lib/libvirt/images", "/dev/shm"])
def test_a_disk_that_a_lab_hides_is_refused(lab: kl.Lab, folder: str) -> None:
    boot = kl.DiskBoot(disk=Path(folder, "own.qcow2"))

    with pytest.raises(SpecError, match=f"{folder}/own.qcow2") as caught:
        lab.define(kl.DomainSpec(name="vm1", memory_mib=512, boot=boot))

    assert "copy it" in caught.value.hint


def test_an_interrupted_definition_leaves_no_reservation(
    lab: kl.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(lab)
    monkeypatch.setattr(
        kl.DomainSpec, "to_xml", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT) or "<domain/>"
    )

    with pytest.raises(KeyboardInterrupt):
        lab.define(guest("vm1", nic(address="192.168.50.9")))
    monkeypatch.undo()

    assert seen(lab) == before


def test_a_definition_without_libvirtd_says_so() -> None:
    with start("without") as lab:
        (libvirtd,) = [pid for pid, line in processes_of(lab.path).items() if line.split() == ["libvirtd"]]
        os.kill(libvirtd, signal.SIGKILL)

        with pytest.raises(DaemonError, match="libvirtd"):
            lab.define(kl.NetworkSpec(name="blue", subnet=SUBNET))
