"""Exported XML: what belongs to the lab is gone, the rest is as it was, and libvirt's schema accepts it."""

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.commands.direct import GluedTap
from kvmlab.exporting import libvirt_xml
from kvmlab.exporting.libvirt_xml import Cleaned, DomainSource

DATA = Path(__file__).parent.parent / "data/xml"
FILES = sorted(DATA.glob("*.xml"))
IMAGE = kl.DirectBoot(
    kernel=Path("/cache/kernel"),
    initrd=Path("/cache/initrd"),
    root=Path("/cache/root.squashfs"),
    cmdline="quiet",
)
TAP = GluedTap(name="tap7", direct=kl.Direct(dev="enp1s0", mode="vepa"), mac="52:54:00:00:00:07")


def cleaned(path: Path) -> Cleaned:
    text = path.read_text(encoding="utf-8")
    return libvirt_xml.network(text) if path.stem.startswith("network") else of_domain(text)


def of_domain(xml: str, **others: object) -> Cleaned:
    return libvirt_xml.domain(DomainSource(xml=xml, glued={TAP.name: TAP}, **others))  # type: ignore[arg-type]


def guest(*nics: kl.InterfaceSpec, **others: object) -> str:
    spec = kl.DomainSpec(name="vm1", interfaces=nics, **others)  # type: ignore[arg-type]
    return spec.to_xml(lab="nat", accelerator="tcg", image=IMAGE, console_log="/labs/nat/vm1.log")


@pytest.mark.host
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_libvirts_schema_accepts_what_is_exported(path: Path, tmp_path: Path) -> None:
    exported = tmp_path / path.name
    exported.write_text(cleaned(path).xml, encoding="utf-8")

    line = ["virt-xml-validate", str(exported), path.stem.split("-")[0]]
    done = subprocess.run(line, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_nothing_of_the_lab_is_left(path: Path) -> None:
    words = ("uuid", "/images/a/", "/labs/", "kvmlab", "no-ping", "qemu:", "emulator", "tb-cache", "squashfs")

    text = cleaned(path).xml

    assert [word for word in words if word in text] == []


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_exported_once_more_it_is_the_same(path: Path) -> None:
    once = cleaned(path)

    twice = libvirt_xml.network(once.xml) if once.root.tag == "network" else of_domain(once.xml)

    assert twice.xml == once.xml


def test_a_guest_of_the_guest_image_boots_a_disk_that_the_reader_has_to_supply() -> None:
    found = of_domain(guest())

    source = found.root.find("devices/disk/source")
    assert source is not None
    assert source.get("file") == "/var/lib/libvirt/images/vm1.qcow2"
    assert found.root.find("os/kernel") is None
    assert "/var/lib/libvirt/images/vm1.qcow2" in [note.about for note in found.notes]


def test_a_disk_of_the_readers_own_is_to_be_copied(tmp_path: Path) -> None:
    found = of_domain(guest(boot=kl.DiskBoot(disk=tmp_path / "debian.qcow2", agent=True)))

    source = found.root.find("devices/disk/source")
    assert source is not None
    assert source.get("file") == "/var/lib/libvirt/images/debian.qcow2"
    assert any(str(tmp_path / "debian.qcow2") in note.text for note in found.notes)


def test_arguments_of_qemu_are_left_out_and_told() -> None:
    found = of_domain(guest(qemu_args=["-device", "edu"]))

    assert "commandline" not in found.xml
    assert any("-device edu" in note.text for note in found.notes)


def test_an_emulated_guest_runs_on_kvm_with_the_hosts_own_cpu() -> None:
    found = of_domain(guest())

    cpu = found.root.find("cpu")
    assert cpu is not None
    assert (found.root.get("type"), cpu.get("mode")) == ("kvm", "host-passthrough")
    assert cpu.find("model") is None


def test_mac_addresses_are_left_out_unless_one_has_a_reserved_address() -> None:
    macs = ("52:54:00:00:00:01", "52:54:00:00:00:02")

    found = of_domain(guest(*(kl.InterfaceSpec(network="blue", mac=mac) for mac in macs)), reserved=[macs[1]])

    assert [element.get("address") for element in found.root.iterfind("devices/interface/mac")] == [macs[1]]


def test_macvtap_takes_the_place_of_a_macvlan_and_a_tap() -> None:
    nic = kl.InterfaceSpec(source=TAP.source, mac=TAP.mac)

    found = of_domain(guest(nic))

    (interface,) = found.root.iterfind("devices/interface")
    source = interface.find("source")
    assert source is not None
    assert (interface.get("type"), source.attrib) == ("direct", {"dev": "enp1s0", "mode": "vepa"})
    assert (interface.find("target"), interface.find("mac")) == (None, None)


def test_a_tap_made_by_hand_stays_with_its_mac_address_where_that_is_wanted() -> None:
    nic = kl.InterfaceSpec(source=TAP.source, mac=TAP.mac)

    found = of_domain(guest(nic), by_hand=True)

    assert list(libvirt_xml.needs(found.root)) == [("ethernet", "tap7")]
    assert TAP.mac in found.xml


def test_a_nic_that_was_plugged_in_by_hand_is_exported_and_one_that_was_pulled_out_is_not() -> None:
    old, new = (
        kl.InterfaceSpec(network=name, mac=mac)
        for name, mac in (
            ("blue", "52:54:00:00:00:01"),
            ("green", "52:54:00:00:00:02"),
        )
    )
    live = guest(new).replace(
        "<source network=", '<target dev="vnet3" /><source bridge="virbr-green" network='
    )

    found = of_domain(guest(old), live=live)

    (interface,) = found.root.iterfind("devices/interface")
    assert [(child.tag, child.attrib) for child in interface] == [
        ("source", {"network": "green"}),
        ("model", {"type": "virtio"}),
    ]


def test_what_somebody_added_to_a_network_by_hand_stays() -> None:
    spec = kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
    root = ET.fromstring(spec.to_xml())
    ET.SubElement(root, "portgroup", name="office")

    found = libvirt_xml.network(ET.tostring(root, encoding="unicode"))

    assert found.root.find("portgroup[@name='office']") is not None
