"""Pure changes to a domain's XML: what an instant start needs."""

import hashlib
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from kvmlab.spec import guest

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
ET.register_namespace("qemu", QEMU_NAMESPACE)


#: Types of ``<interface>`` that libvirt does not plug into a running domain
#: (qemuDomainAttachNetDevice() in libvirt's src/qemu/qemu_hotplug.c).
_NOT_PLUGGABLE = ("mcast", "udp", "server", "client", "internal")
#: Slots of bus 0 for such NICs in a guest that starts from a saved one. The root ports' slots
#: are empty in the saved state, and what is in an empty slot has no power.
_FIRST_SLOT, _LAST_SLOT = 0x14, 0x1E


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """What is read from the XML of a domain.

    Attributes
    ----------
    accelerator
        ``kvm`` or ``tcg``.
    machine
        Machine type.
    memory_mib, vcpus
        Size.
    direct_boot
        Whether libvirt hands it a kernel.
    has_identity_port
        Whether it boots kvmlab's guest image, so that it can start from a template.
    console_log
        File that its serial console is logged to; empty if none.
    boot_files
        Kernel, first boot stage and disks, in this order.
    copyable
        Whether its NICs can be added to a saved guest: cards of the host cannot, nor can
        very many that libvirt does not plug in.
    has_agent
        Whether it has a channel to a guest agent.
    """

    accelerator: str
    machine: str
    memory_mib: int
    vcpus: int
    direct_boot: bool
    has_identity_port: bool
    console_log: str
    boot_files: tuple[str, ...] = ()
    copyable: bool = True
    has_agent: bool = True


def facts(xml: str) -> DomainFacts:
    """Read the facts of a domain from its XML."""
    root = ET.fromstring(xml)
    log = root.find("./devices/serial/log")
    os_type = root.find("./os/type")
    return DomainFacts(
        accelerator="kvm" if root.get("type") == "kvm" else "tcg",
        machine="" if os_type is None else os_type.get("machine", ""),
        memory_mib=_memory_mib(root),
        vcpus=int(root.findtext("./vcpu", "1")),
        direct_boot=root.find("./os/kernel") is not None,
        has_identity_port=root.find(f"./devices/channel/target[@name='{guest.IDENTITY_PORT}']") is not None,
        console_log="" if log is None else log.get("file", ""),
        boot_files=(
            *(element.text or "" for tag in ("kernel", "initrd") for element in root.iterfind(f"./os/{tag}")),
            *(source.get("file", "") for source in root.iterfind("./devices/disk/source")),
        ),
        copyable=root.find("./devices/hostdev") is None
        and root.find("./devices/interface[@type='hostdev']") is None
        and len(_interfaces(root, pluggable=False)) <= _LAST_SLOT + 1 - _FIRST_SLOT,
        has_agent=root.find("./devices/channel/target[@name='org.qemu.guest_agent.0']") is not None,
    )


def _memory_mib(root: ET.Element) -> int:
    """Read the size of the memory: libvirt writes KiB, our own descriptions MiB."""
    memory = root.find("./memory")
    if memory is None:
        return 0
    return int(memory.text or "0") // (1 if memory.get("unit") == "MiB" else 1024)


def _interfaces(root: ET.Element, *, pluggable: bool) -> list[ET.Element]:
    found = root.iterfind("./devices/interface")
    return [nic for nic in found if (nic.get("type") not in _NOT_PLUGGABLE) == pluggable]


def pluggable_interfaces(xml: str) -> list[str]:
    """Return the XML of each ``<interface>`` that libvirt can hot-plug, without PCI addresses."""
    found = _interfaces(ET.fromstring(xml), pluggable=True)
    return [ET.tostring(_without_place(nic), encoding="unicode") for nic in found]


def unpluggable_count(xml: str) -> int:
    """Return the number of NICs that a guest must have from its start."""
    return len(_interfaces(ET.fromstring(xml), pluggable=False))


def _without_place(interface: ET.Element) -> ET.Element:
    for tag in ("address", "alias"):
        for element in interface.findall(tag):
            interface.remove(element)
    return interface


def interface_macs(xml: str) -> list[str]:
    """Return the MAC address of each ``<interface>``, in order."""
    return [element.get("address", "") for element in ET.fromstring(xml).iterfind("./devices/interface/mac")]


def network_macs(xml: str) -> list[tuple[str, str]]:
    """Return name of the network and MAC address of each NIC that is plugged into a libvirt network."""
    found = ET.fromstring(xml).iterfind("./devices/interface[@type='network']")
    pairs = ((nic.find("./source"), nic.find("./mac")) for nic in found)
    return [(s.get("network", ""), m.get("address", "")) for s, m in pairs if s is not None and m is not None]


def network_names(xml: str) -> list[str]:
    """Return the names of the libvirt networks that NICs are plugged into, each once."""
    found = ET.fromstring(xml).iterfind("./devices/interface[@type='network']/source[@network]")
    return list(dict.fromkeys(source.get("network", "") for source in found))


def clone_xml(xml: str, qemu_args: Sequence[str]) -> str:
    """Return the XML of a guest that starts from a saved one, with further QEMU arguments.

    It has only the NICs that cannot be plugged in later, in places where the saved guest had nothing.
    All other devices keep their PCI addresses: a saved state fits only the same places.
    A new generation id tells the guest's kernel that it was copied, so that its
    random numbers are no copies (QEMU, docs/specs/vmgenid).
    """
    root = _without_interfaces(xml, qemu_args)
    devices = root.find("./devices")
    present = _interfaces(ET.fromstring(xml), pluggable=False)
    for slot, nic in enumerate(present, _FIRST_SLOT):
        place = {"type": "pci", "bus": "0x00", "slot": f"{slot:#04x}", "function": "0x0"}
        ET.SubElement(_without_place(nic), "address", place)
    if devices is not None:
        devices.extend(present)
    for element in root.findall("genid"):
        root.remove(element)
    genid = ET.Element("genid")
    genid.text = str(uuid.uuid4())
    root.insert([element.tag for element in root].index("memory"), genid)
    return ET.tostring(root, encoding="unicode")


def _without_interfaces(xml: str, qemu_args: Sequence[str]) -> ET.Element:
    root = ET.fromstring(xml)
    devices = root.find("./devices")
    if devices is not None:
        for interface in devices.findall("./interface"):
            devices.remove(interface)
        for device in devices:
            for element in device.findall("./alias"):
                device.remove(element)
    commandline = root.find(f"./{{{QEMU_NAMESPACE}}}commandline")
    if commandline is None:
        commandline = ET.SubElement(root, f"{{{QEMU_NAMESPACE}}}commandline")
    for value in qemu_args:
        ET.SubElement(commandline, f"{{{QEMU_NAMESPACE}}}arg", value=value)
    return root


def template_xml(xml: str, name: str, qemu_args: Sequence[str]) -> str:
    """Return the XML of the template guest for a domain: same devices, no identity."""
    return clone_xml(_template(xml, name), qemu_args)


def _template(xml: str, name: str) -> str:
    root = _without_interfaces(xml, ())
    for tag in ("uuid", "title", "description", "metadata", "genid"):
        for element in root.findall(tag):
            root.remove(element)
    for serial in root.findall("./devices/serial") + root.findall("./devices/console"):
        for log in serial.findall("log"):
            serial.remove(log)
    cmdline = root.find("./os/cmdline")
    if cmdline is not None:
        words = [word for word in (cmdline.text or "").split() if not word.startswith(guest.IDENTITY_WORDS)]
        cmdline.text = " ".join([*words, guest.TEMPLATE_WORD])
    title = root.find("name")
    if title is not None:
        title.text = name
    return ET.tostring(root, encoding="unicode")


def devices_digest(xml: str) -> str:
    """Return a digest of all that a saved state depends on in the XML."""
    return hashlib.sha256(_template(xml, "template").encode()).hexdigest()[:16]
