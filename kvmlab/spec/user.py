"""User mode: a process of the host's user is the guest's whole network."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Literal

from kvmlab.errors import SpecError
from kvmlab.spec import _checks

#: What carries user-mode traffic: QEMU's own SLIRP, or passt(1).
BACKENDS = ("slirp", "passt")
#: What only one of them has: parameter, its backend, and what to do instead.
_OF_ONE_BACKEND = (
    ("subnet", "slirp", "passt gives the guest an address of the host's own network: see address"),
    ("subnet6", "slirp", "passt gives the guest an address of the host's own network: see address6"),
    ("address", "passt", "SLIRP chooses an address in a subnet of its own: see subnet"),
    ("address6", "passt", "SLIRP chooses an address in a subnet of its own: see subnet6"),
    ("forwards", "passt", "libvirt has no words for ports that SLIRP forwards: see forward_user_port()"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserForward:
    """A port of the host that leads to the guest in user mode.

    Parameters
    ----------
    port, guest_port
        1 to 65535.
    protocol
        ``tcp`` or ``udp``.
    """

    port: int
    guest_port: int
    protocol: Literal["tcp", "udp"] = "tcp"

    def __post_init__(self) -> None:
        _checks.check_port(self.port)
        _checks.check_port(self.guest_port)
        _checks.check_transport(self.protocol)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMode:
    """A process of the host's user: neither tap nor bridge, no privileges.

    Parameters
    ----------
    backend
        One of :data:`BACKENDS`.
    subnet, subnet6
        With SLIRP: IPv4 and IPv6 subnets that the guest finds itself in; by
        default 10.0.2.0/24 and fec0::/64.
    address, address6
        With passt: addresses that the guest gets, with prefix length; by
        default those of the host.
    forwards
        Ports of the host that lead to the guest; with passt only: for SLIRP
        libvirt has no words (libvirt, formatdomain, "Userspace connection using SLIRP").

    Raises
    ------
    SpecError
        If something is malformed, or the backend does not have it.

    Examples
    --------
    >>> [ET.tostring(e) for e in UserMode(subnet="10.0.3.0/24").elements()]
    [b'<ip family="ipv4" address="10.0.3.0" prefix="24" />']
    """

    backend: str = "slirp"
    subnet: str | None = None
    subnet6: str | None = None
    address: str | None = None
    address6: str | None = None
    forwards: tuple[UserForward, ...] = ()
    kind = "user"

    def __post_init__(self) -> None:
        object.__setattr__(self, "forwards", tuple(self.forwards))
        if self.backend not in BACKENDS:
            raise SpecError(
                f"user-mode backend {self.backend!r} is unknown", hint=f"one of {', '.join(BACKENDS)}"
            )
        for name, backend, hint in _OF_ONE_BACKEND:
            if getattr(self, name) and backend != self.backend:
                raise SpecError(f"user mode: {name} is not for {self.backend}", hint=hint)
        for version, subnet in ((4, self.subnet), (6, self.subnet6)):
            if subnet is not None:
                _checks.check_subnet("user mode", subnet, version=version)
        for version, address in ((4, self.address), (6, self.address6)):
            if address is not None:
                _check_address(address, version)

    def elements(self) -> list[ET.Element]:
        """Return libvirt's ``<backend>``, ``<ip>`` and ``<portForward>``."""
        found = [ET.Element("backend", type="passt")] if self.backend == "passt" else []
        found += self._addresses()
        for forward in self.forwards:
            element = ET.Element("portForward", proto=forward.protocol)
            ET.SubElement(element, "range", start=str(forward.port), to=str(forward.guest_port))
            found.append(element)
        return found

    def _addresses(self) -> Iterator[ET.Element]:
        for family, text in (
            ("ipv4", self.subnet or self.address),
            ("ipv6", self.subnet6 or self.address6),
        ):
            if text is not None:
                address, prefix = text.split("/")
                yield ET.Element("ip", family=family, address=address, prefix=prefix)


def _check_address(address: str, version: int) -> None:
    example = "192.168.1.11/24" if version == 4 else "2001:db8:1::11/64"
    try:
        is_right = "/" in address and ip_interface(address).version == version
    except ValueError:
        is_right = False
    if not is_right:
        raise SpecError(
            f"user mode: {address!r} is no IPv{version} address with prefix length",
            hint=f"write it as in {example!r}",
        )
