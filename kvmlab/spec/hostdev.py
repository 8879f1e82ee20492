"""PCI devices of the host for guests: whole ones, and a pool of virtual functions that libvirt hands out."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from kvmlab.errors import SpecError
from kvmlab.spec import _checks
from kvmlab.spec.source import PciDevice


def hostdev_element(device: PciDevice) -> ET.Element:
    """Return libvirt's ``<hostdev>``: a device that the guest has for itself.

    ``managed`` lets libvirt take it from its driver at the start and give it
    back at the end (libvirt, formatdomain, "USB / PCI / SCSI / … devices").
    """
    element = ET.Element("hostdev", mode="subsystem", type="pci", managed="yes")
    address = device.address_element()
    del address.attrib["type"]  # the schema has it in <interface> and <forward>, but not here
    ET.SubElement(element, "source").append(address)
    return element


@dataclass(frozen=True, slots=True, kw_only=True)
class PciPoolSpec:
    """A libvirt network that hands virtual functions of an SR-IOV card to guests.

    A NIC of a guest names it as it names any network; whichever virtual
    function is free becomes that NIC.

    Parameters
    ----------
    name
        Name of the network.
    pf
        Link of the card (its physical function), such as ``enp3s0f0``: all its
        virtual functions are in the pool.
    addresses
        Instead of ``pf``: PCI addresses of those that are in it.

    Raises
    ------
    SpecError
        If something is malformed, or not exactly one of ``pf`` and ``addresses`` is given.

    Notes
    -----
    libvirt, formatnetwork, "Connectivity", forward mode ``hostdev``.

    Examples
    --------
    >>> print(PciPoolSpec(name="vfs", pf="enp3s0f0").to_xml())
    <network>
      <name>vfs</name>
      <forward mode="hostdev" managed="yes">
        <pf dev="enp3s0f0" />
      </forward>
    </network>
    """

    name: str
    pf: str | None = None
    addresses: Sequence[str] = ()

    def __post_init__(self) -> None:
        _checks.check_name("network", self.name)
        devices = [PciDevice(address=address) for address in self.addresses]
        object.__setattr__(self, "addresses", tuple(device.address for device in devices))
        if (self.pf is None) == (not devices):
            raise SpecError(
                f"network {self.name!r} needs either the link of a card or addresses of virtual functions",
                hint="such as pf='enp3s0f0'",
            )
        if self.pf is not None:
            hint = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"
            _checks.check_link_name("link", self.pf, hint=hint)

    def to_element(self) -> ET.Element:
        """Return libvirt's ``<network>`` element; see :meth:`to_xml`."""
        network = ET.Element("network")
        ET.SubElement(network, "name").text = self.name
        forward = ET.SubElement(network, "forward", mode="hostdev", managed="yes")
        if self.pf is not None:
            ET.SubElement(forward, "pf", dev=self.pf)
        for address in self.addresses:
            forward.append(PciDevice(address=address).address_element())
        return network

    def to_xml(self) -> str:
        """Return the XML that ``virsh net-define`` would read."""
        element = self.to_element()
        ET.indent(element)
        return ET.tostring(element, encoding="unicode")
