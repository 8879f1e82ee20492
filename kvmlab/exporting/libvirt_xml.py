"""XML of a lab's libvirt made ready for another host: what belongs to the lab only is taken out.

Pure changes to what ``virsh dumpxml`` and ``virsh net-dumpxml`` print, so that
what somebody added by hand goes along.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kvmlab.commands.direct import GluedTap
from kvmlab.spec import guest
from kvmlab.spec._dnsmasq import DNSMASQ_NAMESPACE
from kvmlab.spec.domain import QEMU_NAMESPACE
from kvmlab.spec.source import DIRECT_MODES, Direct

#: Where libvirt's default storage pool is.
IMAGES = PurePosixPath("/var/lib/libvirt/images")
#: What libvirt fills in by itself on each host.
_OF_ONE_HOST = ("uuid", "genid", "resource", "seclabel")
_ADDED_BY_LIBVIRT = ("emulator", "controller", "input", "audio", "watchdog")
#: Versioned machine types, by the name that stands for the newest.
_MACHINES = {"pc-q35": "q35", "pc-i440fx": "pc"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that the reader of an export has to know, or to fill in.

    Attributes
    ----------
    about
        What it is about.
    text
        What to do, or why.
    """

    about: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """XML for another host.

    Attributes
    ----------
    name
        Name of the network or domain.
    root
        Its element.
    notes
        What was left out, and what has to be filled in.
    """

    name: str
    root: ET.Element
    notes: tuple[Note, ...] = ()

    @property
    def xml(self) -> str:
        """The text, as ``virsh define`` reads it."""
        ET.indent(self.root)
        return ET.tostring(self.root, encoding="unicode") + "\n"


def network(xml: str) -> Cleaned:
    """Return a network for another host.

    Parameters
    ----------
    xml
        As ``virsh net-dumpxml`` prints it.
    """
    root = ET.fromstring(xml)
    root.attrib.pop("connections", None)
    _remove(root, "uuid", "mac")
    for forward in root.iterfind("forward"):
        for nat in forward.findall("nat"):
            _remove_usual_ports(nat)
            if not (len(nat) or nat.attrib):
                forward.remove(nat)
    options = root.find(f"{{{DNSMASQ_NAMESPACE}}}options")
    if options is not None:
        # makes the first lease of a lab quicker; elsewhere dnsmasq does well to look first
        for option in options.findall("*[@value='no-ping']"):
            options.remove(option)
        if len(options) == 0:
            root.remove(options)
    name = root.findtext("name", "")
    has_pci = root.find("forward[@mode='hostdev']") is not None
    return Cleaned(name=name, root=root, notes=(_about_pci(name),) if has_pci else ())


def _remove_usual_ports(nat: ET.Element) -> None:
    for port in nat.findall("port"):
        if (port.get("start"), port.get("end")) == ("1024", "65535"):
            nat.remove(port)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSource:
    """What a domain's XML is made from.

    Attributes
    ----------
    xml
        As ``virsh dumpxml --inactive`` prints it.
    live
        As ``virsh dumpxml`` prints it while it runs; empty otherwise.
    reserved
        MAC addresses that a network's DHCP knows.
    glued
        Macvlans and taps of the lab that stand for a macvtap, by tap.
    by_hand
        Whether such taps stay; otherwise macvtap takes their place.
    """

    xml: str
    live: str = ""
    reserved: Collection[str] = ()
    glued: Mapping[str, GluedTap]
    by_hand: bool = False


def domain(source: DomainSource) -> Cleaned:
    """Return a domain for another host.

    Parameters
    ----------
    source
        The domain as it is in the lab.
    """
    root = ET.fromstring(source.xml)
    name = root.findtext("name", "")
    _remove(root, *_OF_ONE_HOST)
    notes = [*_accelerated(root), *_without_qemu_words(root, name), *_bootable(root, name)]
    devices = root.find("devices")
    if devices is not None:
        _remove(devices, *_ADDED_BY_LIBVIRT)
        _clean_devices(devices)
        notes += [_about_pci(name) for _hostdev in devices.iterfind("hostdev")]
        notes += [
            note for nic in _interfaces(devices, source) for note in _clean_interface(nic, name, source)
        ]
    return Cleaned(name=name, root=root, notes=tuple(notes))


def _remove(parent: ET.Element, *tags: str) -> None:
    for tag in tags:
        for element in parent.findall(tag):
            parent.remove(element)


def _accelerated(root: ET.Element) -> Iterator[Note]:
    """Let the domain run on KVM with the host's own CPU."""
    emulated = root.get("type") == "qemu"
    root.set("type", "kvm")
    root.attrib.pop("id", None)
    cpu = root.find("cpu")
    if emulated and cpu is not None:
        cpu.clear()
        cpu.set("mode", "host-passthrough")
    for features in root.iterfind("features"):
        _remove(features, "tcg")
    os_type = root.find("os/type")
    if os_type is not None:
        family = os_type.get("machine", "").rsplit("-", 1)[0]
        os_type.set("machine", _MACHINES.get(family, os_type.get("machine", "")))
    yield Note(
        about="KVM", text="It runs on KVM, with the CPU of your host, whatever the lab's guests run on."
    )


def _without_qemu_words(root: ET.Element, name: str) -> Iterator[Note]:
    words = [arg.get("value", "") for arg in root.iterfind(f"./{{{QEMU_NAMESPACE}}}commandline/*")]
    for element in [child for child in root if child.tag.startswith(f"{{{QEMU_NAMESPACE}}}")]:
        root.remove(element)
    if words:
        yield Note(about=name, text=f"QEMU's own arguments are left out: {' '.join(words)}")


def _bootable(root: ET.Element, name: str) -> Iterator[Note]:
    """Put a disk of the reader's own in the place of what the guest boots in the lab."""
    os_element, devices = root.find("os"), root.find("devices")
    if os_element is None or devices is None:
        return
    if devices.find(f"channel/target[@name='{guest.IDENTITY_PORT}']") is not None:
        _remove(os_element, "kernel", "initrd", "cmdline")
        _remove(devices, "disk", "memballoon")
        disk = IMAGES / f"{name}.qcow2"
        devices.insert(0, _disk(disk))
        text = "A disk with a system on it, which may need more memory: the guest image stays in the lab."
        yield Note(about=str(disk), text=text)
    for tag in ("kernel", "initrd"):
        for element in os_element.iterfind(tag):
            yield Note(about=name, text=f"Copy {element.text} to your host, or write where it is.")
    for source in devices.iterfind("disk/source[@file]"):
        old, new = source.get("file", ""), str(IMAGES / PurePosixPath(source.get("file", "")).name)
        if old != new:
            source.set("file", new)
            yield Note(about=new, text=f"A copy of {old}; with its layers in one: qemu-img convert -O qcow2.")
    if os_element.find("boot") is None and os_element.find("kernel") is None:
        ET.SubElement(os_element, "boot", dev="hd")


def _disk(path: PurePosixPath) -> ET.Element:
    disk = ET.Element("disk", type="file", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type="qcow2")
    ET.SubElement(disk, "source", file=str(path))
    ET.SubElement(disk, "target", dev="vda", bus="virtio")
    return disk


def _clean_devices(devices: ET.Element) -> None:
    for channel in devices.findall("channel"):
        if channel.find(f"target[@name='{guest.IDENTITY_PORT}']") is not None:
            devices.remove(channel)
    for device in devices:
        _remove(device, "address", "alias")
        if device.tag in ("serial", "console", "channel"):
            _remove(device, "log", "source")
            device.attrib.pop("tty", None)
        for target in device.iterfind("target"):
            target.attrib.pop("state", None)


def _interfaces(devices: ET.Element, source: DomainSource) -> list[ET.Element]:
    """Return the interfaces: while a guest runs, those that it has; what was plugged in by hand is added."""
    defined = devices.findall("interface")
    if not source.live:
        return defined
    plugged = {_mac(nic): nic for nic in ET.fromstring(source.live).iterfind("devices/interface")}
    for nic in defined:
        if _mac(nic) not in plugged:
            devices.remove(nic)
    for mac, nic in plugged.items():
        if mac not in {_mac(one) for one in defined}:
            _remove(nic, "address", "alias")
            devices.append(nic)
    return devices.findall("interface")


def _mac(nic: ET.Element) -> str:
    element = nic.find("mac")
    return "" if element is None else element.get("address", "").lower()


def _clean_interface(nic: ET.Element, name: str, source: DomainSource) -> Iterator[Note]:
    where, target = nic.find("source"), nic.find("target")
    if where is not None and where.get("network") is not None:  # a live one tells its bridge as well
        nic.set("type", "network")
        for key in set(where.attrib) - {"network", "portgroup"}:
            del where.attrib[key]
    tap = source.glued.get(target.get("dev", "")) if target is not None else None
    if target is not None and nic.get("type") != "ethernet":
        nic.remove(target)
    stays = tap is not None and source.by_hand
    if tap is not None and not stays:
        yield from _to_macvtap(nic, tap)
    if not stays and _mac(nic) not in source.reserved:
        _remove(nic, "mac")  # two hosts in one LAN must not have the same
    if nic.get("type") == "hostdev":
        yield _about_pci(name)


def _about_pci(name: str) -> Note:
    text = "Write the PCI addresses of your host's cards (lspci -D); it needs an IOMMU."
    return Note(about=name, text=text)


def _to_macvtap(nic: ET.Element, tap: GluedTap) -> Iterator[Note]:
    nic.set("type", "direct")
    _remove(nic, "target", "source")
    nic.append(ET.Element("source", dev=tap.direct.dev, mode=tap.direct.mode))
    text = "Libvirt's macvtap takes the place of macvlan and tap, of which a lab without root makes it."
    yield Note(about=f"NICs on {tap.direct.dev}", text=text)


def glued_tap(tap: str, *, lower: str, kernel_mode: str, mac: str, macvlan: str) -> GluedTap:
    """Return what a tap and a macvlan that are glued together stand for.

    Parameters
    ----------
    tap, macvlan, lower
        Names of the links.
    kernel_mode
        The kernel's word for the macvlan's mode.
    mac
        MAC address of the macvlan.
    """
    mode = next(word for word, kernels in DIRECT_MODES.items() if kernels == kernel_mode)
    return GluedTap(name=tap, direct=Direct(dev=lower, mode=mode), mac=mac, macvlan=macvlan)


def needs(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield type and name of what each interface of a domain is plugged into."""
    keys = {"network": "network", "bridge": "bridge", "direct": "dev"}
    for nic in root.iterfind("devices/interface"):
        kind = nic.get("type", "")
        element = nic.find("target" if kind == "ethernet" else "source")
        if element is not None and (kind in keys or (kind == "ethernet" and element.get("managed") == "no")):
            yield kind, element.get(keys.get(kind, "dev"), "")


def network_needs(root: ET.Element) -> Iterator[str]:
    """Yield the links of the host that a network uses and libvirt does not make."""
    forward, bridge = root.find("forward"), root.find("bridge")
    mode = "" if forward is None else forward.get("mode", "nat")
    if mode == "bridge" and bridge is not None:
        yield bridge.get("name", "")
    if forward is not None and mode in ("bridge", "private", "vepa", "passthrough"):
        yield from (one.get("dev", "") for one in forward.iterfind("interface"))
