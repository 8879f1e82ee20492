"""What is read from a domain's XML, and how it becomes that of a saved guest and its copies."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kvmlab.virt import domain_xml

DATA = Path(__file__).parent.parent / "data/xml"
NICS = (DATA / "domain-nics.xml").read_text(encoding="utf-8")
PLAIN = (DATA / "domain-image.xml").read_text(encoding="utf-8")
DISK = (DATA / "domain-disk.xml").read_text(encoding="utf-8")


def cmdline(xml: str) -> list[str]:
    return (ET.fromstring(xml).findtext("./os/cmdline") or "").split()


def test_a_domain_of_the_guest_image_can_start_from_a_saved_guest() -> None:
    found = domain_xml.facts(NICS)

    assert found.has_identity_port
    assert found.direct_boot
    assert (found.accelerator, found.machine, found.memory_mib, found.vcpus) == ("tcg", "q35", 512, 2)
    assert found.console_log == "/labs/nat/console.log"
    assert found.boot_files == ("/images/a/vmlinux", "/images/a/initrd", "/images/a/root")


def test_memory_is_read_as_libvirt_writes_it() -> None:
    written = NICS.replace('<memory unit="MiB">512<', '<memory unit="KiB">524288<')

    assert domain_xml.facts(written).memory_mib == 512


def test_a_domain_with_a_disk_of_its_own_cannot() -> None:
    found = domain_xml.facts(DISK)

    assert not found.has_identity_port
    assert not found.direct_boot
    assert found.has_agent


def test_nics_are_handed_out_in_order_without_places() -> None:
    placed = NICS.replace('<model type="virtio" />', '<model type="virtio" /><address type="pci" bus="2" />')

    first, second = domain_xml.pluggable_interfaces(placed)

    assert "52:54:00:48:7a:5a" in first
    assert "address type" not in first
    assert "tap-vm2" in second


def test_a_copy_has_no_nics_and_keeps_everything_else() -> None:
    copy = ET.fromstring(domain_xml.clone_xml(NICS, ["-incoming", "defer"]))
    original = ET.fromstring(NICS)

    devices = [element.tag for element in original.iterfind("./devices/*") if element.tag != "interface"]
    assert [element.tag for element in copy.iterfind("./devices/*")] == devices
    assert copy.findtext("uuid") == original.findtext("uuid")
    assert cmdline(ET.tostring(copy, encoding="unicode")) == cmdline(NICS)


def sockets(count: int) -> str:
    """A guest with a NIC on a network, and so many that libvirt does not plug into a running domain."""
    root = ET.fromstring(PLAIN)
    devices = root.find("./devices")
    assert devices is not None
    for kind in ["network", *["mcast"] * count]:
        nic = ET.SubElement(devices, "interface", type=kind)
        ET.SubElement(nic, "mac", address=f"52:54:00:00:00:{len(devices):02x}")
        ET.SubElement(nic, "address", type="pci", bus="0x01", slot="0x00", function="0x0")
    return ET.tostring(root, encoding="unicode")


def test_a_copy_keeps_nics_that_cannot_be_plugged_in_later_elsewhere_than_in_a_root_port() -> None:
    xml = sockets(2)

    copy = ET.fromstring(domain_xml.clone_xml(xml, ()))

    nics = copy.findall("./devices/interface")
    assert [nic.get("type") for nic in nics] == ["mcast", "mcast"]
    places = [(a.get("bus"), a.get("slot")) for a in copy.iterfind("./devices/interface/address")]
    assert places == [("0x00", "0x14"), ("0x00", "0x15")]
    assert domain_xml.unpluggable_count(xml) == 2
    assert [ET.fromstring(nic).get("type") for nic in domain_xml.pluggable_interfaces(xml)] == ["network"]


def test_more_of_them_than_there_are_places_need_a_boot() -> None:
    assert domain_xml.facts(sockets(11)).copyable
    assert not domain_xml.facts(sockets(12)).copyable


@pytest.mark.parametrize("device", ["<hostdev />", "<interface type='hostdev' />"])
def test_a_card_of_the_host_needs_a_boot(device: str) -> None:
    assert domain_xml.facts(PLAIN).copyable
    assert not domain_xml.facts(PLAIN.replace("<devices>", f"<devices>{device}")).copyable


def test_arguments_for_qemu_come_after_the_domains_own() -> None:
    copy = ET.fromstring(domain_xml.clone_xml(NICS, ["-incoming", "defer"]))

    arguments = copy.findall(f"./{{{domain_xml.QEMU_NAMESPACE}}}commandline/*")
    assert [argument.get("value") for argument in arguments] == [
        *("-global", "virtio-net-pci.packed=on"),
        *("-incoming", "defer"),
    ]


def test_each_copy_has_a_generation_of_its_own() -> None:
    generations = {ET.fromstring(domain_xml.clone_xml(PLAIN, ())).findtext("genid") for _ in range(3)}

    assert len(generations) == 3


def test_the_saved_guest_is_nobody() -> None:
    saved = ET.fromstring(domain_xml.template_xml(NICS, "template-1", ()))

    assert saved.findtext("name") == "template-1"
    assert saved.find("uuid") is None
    assert saved.find("./devices/serial/log") is None
    words = cmdline(ET.tostring(saved, encoding="unicode"))
    assert words == ["console=ttyS0", "quiet", "kvmlab.template=1"]


def test_domains_that_differ_in_who_they_are_share_a_saved_guest() -> None:
    other = NICS.replace("vm2", "vm3").replace("dc3a7ff9", "00000000").replace("/nat/", "/other/")

    assert other != NICS
    assert domain_xml.devices_digest(other) == domain_xml.devices_digest(NICS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<rng model="virtio">', '<rng model="virtio-non-transitional">'),
        ("quiet", "quiet nosmp"),
        ('index="9" model="pcie-root-port"', 'index="9" model="dmi-to-pci-bridge"'),
        ("<model>qemu64</model>", "<model>max</model>"),
    ],
)
def test_domains_with_other_devices_do_not(old: str, new: str) -> None:
    other = NICS.replace(old, new)

    assert other != NICS
    assert domain_xml.devices_digest(other) != domain_xml.devices_digest(NICS)
