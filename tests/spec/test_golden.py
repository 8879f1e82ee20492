"""Descriptions print the XML in tests/data/xml, and libvirt's own schemas accept it."""

import dataclasses
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmlab.spec.boot import DirectBoot, DiskBoot
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.hostdev import PciPoolSpec
from kvmlab.spec.identity import NetworkIdentity
from kvmlab.spec.interface import NIC_MODELS, InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation
from kvmlab.spec.source import Direct, Multicast, PciDevice, Tap, TcpSocket, UdpSocket
from kvmlab.spec.user import UserForward, UserMode

DATA = Path(__file__).parent.parent / "data" / "xml"

IMAGE = DirectBoot(
    kernel=Path("/images/a/vmlinux"),
    initrd=Path("/images/a/initrd"),
    root=Path("/images/a/root"),
    cmdline="console=ttyS0 quiet",
)
RESERVATIONS = (
    Reservation(mac="52:54:00:48:7a:5a", name="vm1", address="192.168.50.10"),
    Reservation(mac="52:54:00:00:00:02", name="vm2", address="192.168.50.20"),
)

IDENTITY = NetworkIdentity.of("nat", "blue")

NETWORKS = {
    "network-nat": NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat"),
    "network-nat-ipv6": NetworkSpec(
        name="dual",
        subnet="10.0.0.0/8",
        subnet6="fd00:50::/64",
        forward="nat",
        mtu=1400,
        domain="dual.example",
    ),
    "network-route": NetworkSpec(name="green", subnet="192.168.51.0/24", forward="route", stp=True),
    "network-open": NetworkSpec(name="open", subnet="192.168.52.0/29", forward="open", bridge="br-open"),
    "network-bridge": NetworkSpec(name="lan", forward="bridge", bridge="br0"),
    "network-bridge-vlans": NetworkSpec(name="tagged", forward="bridge", bridge="br0", vlans=(10, 20)),
    "network-isolated": NetworkSpec(name="island", subnet="192.168.53.0/30", dhcp=False),
    "network-private": NetworkSpec(name="private"),
}
POOLS = {
    "network-vfs": PciPoolSpec(name="vfs", pf="enp3s0f0"),
    "network-some-vfs": PciPoolSpec(name="some", addresses=("0000:03:10.0", "0000:03:10.2")),
}
DOMAINS = {
    "domain-image": DomainSpec(name="vm1"),
    "domain-nics": DomainSpec(
        name="vm2",
        memory_mib=512,
        vcpus=2,
        interfaces=(
            InterfaceSpec(network="blue", mac="52:54:00:48:7A:5A", address="192.168.50.10"),
            InterfaceSpec(bridge="br0", model="rtl8139", target="tap-vm2", mtu=1400),
        ),
        qemu_args=("-global", "virtio-net-pci.packed=on"),
    ),
    "domain-sources": DomainSpec(
        name="vm3",
        interfaces=(
            InterfaceSpec(source=Direct(dev="enp2s0", mode="vepa")),
            InterfaceSpec(source=Tap(name="direct0"), model="rtl8139"),
            InterfaceSpec(source=UserMode(subnet="10.0.3.0/24", subnet6="fd00:3::/64")),
            InterfaceSpec(
                source=UserMode(
                    backend="passt",
                    address="192.168.1.11/24",
                    address6="2001:db8:1::11/64",
                    forwards=(UserForward(port=2022, guest_port=22, protocol="udp"),),
                )
            ),
            InterfaceSpec(source=TcpSocket(port=5560), model="rtl8139"),
            InterfaceSpec(source=TcpSocket(port=5561, address="127.0.0.4", listens=False), model="rtl8139"),
            InterfaceSpec(source=Multicast(address="230.0.0.2", port=5559)),
            InterfaceSpec(
                source=UdpSocket(
                    local_port=7001,
                    remote_port=7002,
                    local_address="127.0.0.2",
                    remote_address="127.0.0.3",
                )
            ),
            InterfaceSpec(source=PciDevice(address="0000:03:10.1")),
            InterfaceSpec(network="blue", isolated=True, vlans=(10,)),
        ),
    ),
    "domain-virtio": DomainSpec(
        name="vm4",
        vcpus=2,
        interfaces=(
            InterfaceSpec(network="blue", queues=2),
            InterfaceSpec(network="blue", without=("csum", "host_tso4", "guest_tso4", "mrg_rxbuf")),
        ),
    ),
    "domain-every-model": DomainSpec(
        name="zoo",
        machine="pc",
        interfaces=tuple(InterfaceSpec(network="blue", model=model) for model in NIC_MODELS),
    ),
    "domain-disk": DomainSpec(
        name="cloud",
        memory_mib=1024,
        boot=DiskBoot(disk=Path("/disks/cloud.qcow2"), seed=Path("/disks/seed.iso"), agent=True),
    ),
    "domain-raw-disk": DomainSpec(
        name="cloud2", memory_mib=1024, boot=DiskBoot(disk=Path("/disks/cloud.img"), disk_format="raw")
    ),
    "domain-hostdev": DomainSpec(name="own-card", hostdevs=(PciDevice(address="0000:03:00.1"),)),
    "domain-direct": DomainSpec(
        name="own", boot=DirectBoot(kernel=Path("/k"), initrd=Path("/i"), root=Path("/r"), cmdline="quiet")
    ),
}


def xml_of_domain(spec: DomainSpec, *, accelerator: str = "tcg", cpu_model: str = "") -> str:
    return spec.to_xml(
        lab="nat",
        accelerator=accelerator,
        image=IMAGE,
        console_log="/labs/nat/console.log",
        cpu_model=cpu_model,
    )


def documents() -> dict[str, str]:
    return {
        **{name: spec.to_xml() for name, spec in (NETWORKS | POOLS).items()},
        "network-identity": NETWORKS["network-nat"].to_xml(identity=IDENTITY),
        "network-bridge-identity": NETWORKS["network-bridge"].to_xml(identity=IDENTITY),
        "network-reservations": NETWORKS["network-nat"].to_xml(reservations=RESERVATIONS),
        **{name: xml_of_domain(spec) for name, spec in DOMAINS.items()},
        "domain-kvm": xml_of_domain(DOMAINS["domain-image"], accelerator="kvm"),
        "domain-kvm-max": xml_of_domain(DOMAINS["domain-image"], accelerator="kvm", cpu_model="max"),
        "domain-kvm-named": xml_of_domain(DOMAINS["domain-image"], accelerator="kvm", cpu_model="qemu64"),
    }


@pytest.mark.parametrize("name", documents())
def test_a_description_prints_its_golden_file(name: str) -> None:
    expected = (DATA / f"{name}.xml").read_text(encoding="utf-8")

    assert documents()[name] + "\n" == expected


def test_every_golden_file_is_printed_by_a_description() -> None:
    assert {path.stem for path in DATA.glob("*.xml")} == set(documents())


@pytest.mark.host
@pytest.mark.parametrize("name", documents())
def test_libvirts_schema_accepts_the_golden_file(name: str) -> None:
    kind = name.split("-")[0]

    done = subprocess.run(
        ["virt-xml-validate", DATA / f"{name}.xml", kind], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.host
def test_libvirts_schema_refuses_a_wrong_file(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.xml"
    wrong.write_text(NETWORKS["network-nat"].to_xml().replace("<forward", "<backward"), encoding="utf-8")

    done = subprocess.run(["virt-xml-validate", wrong, "network"], capture_output=True, check=False)

    assert done.returncode != 0


def described() -> Iterator[object]:
    yield from RESERVATIONS
    yield from NETWORKS.values()
    yield from POOLS.values()
    yield IMAGE
    for spec in DOMAINS.values():
        yield spec
        yield from (*spec.interfaces, *spec.hostdevs)
        for nic in spec.interfaces:
            yield from (nic.source, *getattr(nic.source, "forwards", ()))
        if spec.boot is not None:
            yield spec.boot


@pytest.mark.parametrize(
    "kind",
    [
        *(NetworkSpec, PciPoolSpec, Reservation, DomainSpec, InterfaceSpec, DirectBoot, DiskBoot),
        *(Direct, Tap, UserMode, UserForward, Multicast, TcpSocket, UdpSocket, PciDevice),
    ],
    ids=lambda k: k.__name__,
)
def test_every_field_of_a_description_is_given_in_some_golden_file(kind: type) -> None:
    specs = [spec for spec in described() if isinstance(spec, kind)]

    for field in dataclasses.fields(kind):
        assert any(getattr(spec, field.name) != field.default for spec in specs), field.name


def test_every_nic_model_occurs_in_a_golden_file() -> None:
    root = ET.parse(DATA / "domain-every-model.xml")

    assert {element.get("type") for element in root.iterfind("./devices/interface/model")} == set(NIC_MODELS)
