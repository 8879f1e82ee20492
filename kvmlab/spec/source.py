"""What a NIC is plugged into when it is neither a libvirt network nor a bridge.

Each class is one type of libvirt's ``<interface>`` (formatdomain, "Network interfaces").
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Protocol

from kvmlab.errors import SpecError
from kvmlab.spec import _checks

#: Modes of macvtap in libvirt's words, and the kernel's word for each (ip-link(8), macvlan).
DIRECT_MODES = {"bridge": "bridge", "vepa": "vepa", "private": "private", "passthrough": "passthru"}
_PCI_ADDRESS = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
_LINK_HINT = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"


class Source(Protocol):
    """Anything that a NIC can be plugged into."""

    @property
    def kind(self) -> str:
        """The ``type`` of libvirt's ``<interface>``."""
        ...

    def elements(self) -> list[ET.Element]:
        """Return the elements that say where the NIC is plugged in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """A link of the host itself, through macvtap: direct mode.

    Parameters
    ----------
    dev
        The link, such as ``enp2s0``.
    mode
        One of :data:`DIRECT_MODES`.

    Notes
    -----
    libvirt, formatdomain, "Direct attachment to physical interface".
    """

    dev: str
    mode: str = "bridge"
    kind = "direct"

    def __post_init__(self) -> None:
        _checks.check_link_name("link", self.dev, hint=_LINK_HINT)
        if self.mode not in DIRECT_MODES:
            raise SpecError(
                f"macvtap mode {self.mode!r} is unknown", hint=f"one of {', '.join(DIRECT_MODES)}"
            )

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<source>``."""
        return [ET.Element("source", dev=self.dev, mode=self.mode)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A tap of the host that exists already and that libvirt leaves as it is.

    Parameters
    ----------
    name
        Name of the tap.

    Notes
    -----
    libvirt, formatdomain, "Generic ethernet connection", ``managed='no'``.
    """

    name: str
    kind = "ethernet"

    def __post_init__(self) -> None:
        _checks.check_link_name("tap name", self.name, hint=_LINK_HINT)

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<target>``."""
        return [ET.Element("target", dev=self.name, managed="no")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multicast:
    """A multicast group between the QEMU processes of any number of guests.

    Parameters
    ----------
    address
        IPv4 multicast group (RFC 5771).
    port
        UDP port, 1 to 65535.

    Notes
    -----
    libvirt, formatdomain, "Multicast tunnel"; no host and no router is part of it.
    """

    address: str = "230.0.0.1"
    port: int = 5558
    kind = "mcast"

    def __post_init__(self) -> None:
        if not _checks.check_ipv4(self.address).is_multicast:
            raise SpecError(
                f"address {self.address!r} is no multicast group", hint="use 224.0.0.0/4, such as 230.0.0.1"
            )
        _checks.check_port(self.port)

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<source>``."""
        return [ET.Element("source", address=self.address, port=str(self.port))]


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpSocket:
    """A UDP tunnel between the QEMU processes of exactly two guests.

    Parameters
    ----------
    local_port, remote_port
        Where this QEMU listens, and where the other one does.
    local_address, remote_address
        IPv4 addresses of the host.

    Notes
    -----
    libvirt, formatdomain, "UDP unicast tunnel".
    """

    local_port: int
    remote_port: int
    local_address: str = "127.0.0.1"
    remote_address: str = "127.0.0.1"
    kind = "udp"

    def __post_init__(self) -> None:
        _checks.check_port(self.local_port)
        _checks.check_port(self.remote_port)
        local, remote = (_checks.check_ipv4(a) for a in (self.local_address, self.remote_address))
        if (local, self.local_port) == (remote, self.remote_port):
            raise SpecError(
                f"both ends of the UDP tunnel are {local} port {self.local_port}",
                hint="the other guest's NIC has the two ports swapped",
            )

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<source>``."""
        source = ET.Element("source", address=self.remote_address, port=str(self.remote_port))
        ET.SubElement(source, "local", address=self.local_address, port=str(self.local_port))
        return [source]


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSocket:
    """A TCP tunnel to another process: a second guest's QEMU, or passt(1).

    Parameters
    ----------
    port
        Where one end listens, 1 to 65535.
    address
        IPv4 address of the host that it listens on.
    listens
        Whether this QEMU is that end; otherwise it connects to it.

    Notes
    -----
    libvirt, formatdomain, "TCP tunnel": the types ``server`` and ``client``.
    """

    port: int
    address: str = "127.0.0.1"
    listens: bool = True

    def __post_init__(self) -> None:
        _checks.check_port(self.port)
        _checks.check_ipv4(self.address)

    @property
    def kind(self) -> str:
        """The ``type`` of libvirt's ``<interface>``."""
        return "server" if self.listens else "client"

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<source>``."""
        return [ET.Element("source", address=self.address, port=str(self.port))]


@dataclass(frozen=True, slots=True, kw_only=True)
class PciDevice:
    """A PCI device of the host that is handed to a guest.

    A whole card goes to :class:`~kvmlab.spec.domain.DomainSpec` as one of its
    ``hostdevs``. A virtual function of an SR-IOV card is the ``source`` of an
    :class:`~kvmlab.spec.interface.InterfaceSpec`, whose MAC address libvirt gives it.

    Parameters
    ----------
    address
        As ``lspci -D`` prints it, such as ``0000:03:10.1``.

    Notes
    -----
    libvirt, formatdomain, "PCI Passthrough": as an interface "only SR-IOV Virtual
    Function (VF) devices can be assigned"; the host needs an IOMMU.
    """

    address: str
    kind = "hostdev"

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", self.address.lower())
        if not _PCI_ADDRESS.fullmatch(self.address):
            raise SpecError(
                f"PCI address {self.address!r} is malformed", hint="write it as in '0000:03:10.1' (lspci -D)"
            )

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<source>``."""
        source = ET.Element("source")
        source.append(self.address_element())
        return [source]

    def address_element(self) -> ET.Element:
        """Return libvirt's ``<address>``."""
        found = _PCI_ADDRESS.fullmatch(self.address)
        names = ("domain", "bus", "slot", "function")
        numbers = {
            name: f"0x{value}" for name, value in zip(names, found.groups() if found else (), strict=True)
        }
        return ET.Element("address", {"type": "pci", **numbers})
