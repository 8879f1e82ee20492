"""Devices that every domain has, whatever it boots and wherever it is plugged in."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from kvmlab.spec import guest

#: Slots for NICs. On q35 each PCIe NIC takes a root port of its own and each
#: conventional one a slot behind the PCIe-to-PCI bridge.
PCIE_NICS = 8
PCI_NICS = 8
#: Root ports for all else: libvirt puts the bridge to conventional PCI into one.
_OTHER_PORTS = 1
#: First slot of bus 0 for what is no NIC: in a root port of its own each would cost
#: a guest some hundredths of a second when it boots and when NICs are plugged in.
_FIRST_SLOT = 0x10


def pci_elements(machine: str) -> list[ET.Element]:
    """Return the PCI controllers: all slots exist from the start, so that NICs can be plugged in later.

    Source: libvirt, "PCI addresses in domain XML and guest OS" (pci-addresses):
    PCIe devices are hot-plugged into a pcie-root-port.
    """
    if machine != "q35":
        return [_controller(0, "pci-root")]
    ports = [_controller(index, "pcie-root-port") for index in range(1, PCIE_NICS + 1 + _OTHER_PORTS)]
    return [_controller(0, "pcie-root"), *ports, _controller(len(ports) + 1, "pcie-to-pci-bridge")]


def _controller(index: int, model: str) -> ET.Element:
    return ET.Element("controller", type="pci", index=str(index), model=model)


def other_elements(console_log: str, *, own_image: bool, agent: bool = True) -> list[ET.Element]:
    """Return serial console, guest agent, random numbers and panic device.

    Parameters
    ----------
    console_log
        File that the console is also written to; empty for none.
    own_image
        Whether it boots kvmlab's guest image. Then it has a port on which it
        learns who it is, and no balloon: what a balloon gives back is cut out
        of the memory file that all guests share which start from a saved one.
    agent
        Whether the guest has an agent to talk to.
    """
    usb = ET.Element("controller", type="usb", model="none")
    console = ET.Element("console", type="pty")
    ET.SubElement(console, "target", type="serial", port="0")
    ports = [*(["org.qemu.guest_agent.0"] if agent else []), *([guest.IDENTITY_PORT] if own_image else [])]
    rng = ET.Element("rng", model="virtio")
    ET.SubElement(rng, "backend", model="random").text = "/dev/urandom"
    balloon = ET.Element("memballoon", model="none" if own_image else "virtio")
    panic = ET.Element("panic", model="isa")
    controller = [ET.Element("controller", type="virtio-serial", index="0")] if ports else []
    channels = [_channel(name) for name in ports]
    return [usb, *controller, _serial(console_log), console, *channels, balloon, rng, panic]


def _channel(name: str) -> ET.Element:
    channel = ET.Element("channel", type="unix")
    ET.SubElement(channel, "target", type="virtio", name=name)
    return channel


def _serial(console_log: str) -> ET.Element:
    serial = ET.Element("serial", type="pty")
    if console_log:
        ET.SubElement(serial, "log", file=console_log, append="off")
    ET.SubElement(serial, "target", type="isa-serial", port="0")
    return serial


def place(devices: Iterable[ET.Element]) -> None:
    """Give each virtio device that is no NIC a slot of bus 0."""
    found = [device for device in devices if _takes_slot(device)]
    for slot, device in enumerate(found, _FIRST_SLOT):
        ET.SubElement(device, "address", type="pci", bus="0x00", slot=f"{slot:#04x}", function="0x0")


def _takes_slot(device: ET.Element) -> bool:
    target = device.find("target")
    if device.tag == "disk":
        return target is not None and target.get("bus") == "virtio"
    if device.tag in ("memballoon", "rng"):
        return device.get("model") == "virtio"
    return device.tag == "controller" and device.get("type") == "virtio-serial"
