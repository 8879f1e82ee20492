"""Devices that every domain has, whatever it boots and wherever it is plugged in."""

import xml.etree.ElementTree as ET

#: Slots for NICs. On q35 each PCIe NIC takes a root port of its own and each
#: conventional one a slot behind the PCIe-to-PCI bridge.
PCIE_NICS = 8
PCI_NICS = 8
#: Root ports for all else: bridge, disk, seed, serial controller, balloon, random numbers.
_OTHER_PORTS = 6


def pci_elements(machine: str) -> list[ET.Element]:
    """Return the PCI controllers: all slots exist from the start, so that NICs can be plugged in later.

    Source: libvirt, "PCI addresses in domain XML and guest OS" (pci-addresses):
    PCIe devices are hot-plugged into a pcie-root-port.
    """
    if machine != "q35":
        return [_controller(0, "pci-root")]
    ports = [_controller(index, "pcie-root-port") for index in range(1, PCIE_NICS + _OTHER_PORTS + 1)]
    return [_controller(0, "pcie-root"), *ports, _controller(len(ports) + 1, "pcie-to-pci-bridge")]


def _controller(index: int, model: str) -> ET.Element:
    return ET.Element("controller", type="pci", index=str(index), model=model)


def other_elements(console_log: str, *, agent: bool = True) -> list[ET.Element]:
    """Return serial console, guest agent, random numbers, balloon and panic device.

    Parameters
    ----------
    console_log
        File that the console is also written to; empty for none.
    agent
        Whether the guest has an agent to talk to.
    """
    usb = ET.Element("controller", type="usb", model="none")
    console = ET.Element("console", type="pty")
    ET.SubElement(console, "target", type="serial", port="0")
    channel = ET.Element("channel", type="unix")
    ET.SubElement(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    rng = ET.Element("rng", model="virtio")
    ET.SubElement(rng, "backend", model="random").text = "/dev/urandom"
    balloon = ET.Element("memballoon", model="virtio")
    panic = ET.Element("panic", model="isa")
    return [usb, _serial(console_log), console, *([channel] if agent else []), balloon, rng, panic]


def _serial(console_log: str) -> ET.Element:
    serial = ET.Element("serial", type="pty")
    if console_log:
        ET.SubElement(serial, "log", file=console_log, append="off")
    ET.SubElement(serial, "target", type="isa-serial", port="0")
    return serial
