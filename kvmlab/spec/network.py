"""A libvirt network: ``<network>``."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Protocol

from kvmlab.errors import SpecError
from kvmlab.spec import _checks

#: libvirt's forward modes that this description covers (formatnetwork, "Connectivity").
FORWARD_MODES = ("nat", "route", "open", "bridge")
_BRIDGE_PREFIX = "virbr-"
#: A DHCP network needs the host's address and at least a handful to give out.
_LONGEST_DHCP_PREFIX = 29


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A fixed address in a network's DHCP: ``<host mac= name= ip=>``."""

    mac: str
    name: str
    address: str


class Present(Protocol):
    """What is known of a network that exists."""

    @property
    def bridge(self) -> str:
        """Name of its bridge."""
        ...

    @property
    def subnets(self) -> Sequence[IPv4Network | IPv6Network]:
        """Its subnets."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A libvirt network.

    Parameters
    ----------
    name
        Name of the network.
    subnet
        IPv4 subnet in CIDR notation; the host has its first address.
    forward
        ``nat``, ``route``, ``open``, ``bridge`` (an existing bridge of the
        host), or None for an isolated network.
    bridge
        Name of the bridge; ``virbr-NAME`` by default.
    dhcp
        Whether libvirt's dnsmasq gives out the subnet's other addresses.
    domain
        DNS domain of the network; its name by default.
    subnet6
        IPv6 subnet; guests configure themselves (RA).
    mtu
        MTU of the bridge in bytes.

    Raises
    ------
    SpecError
        If something is malformed or missing.

    Examples
    --------
    >>> print(NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat").to_xml())
    <network>
      <name>blue</name>
      <forward mode="nat" />
      <bridge name="virbr-blue" stp="on" delay="0" />
      <domain name="blue" localOnly="yes" />
      <ip address="192.168.50.1" prefix="24">
        <dhcp>
          <range start="192.168.50.2" end="192.168.50.254" />
        </dhcp>
      </ip>
    </network>
    """

    name: str
    subnet: str | None = None
    forward: str | None = None
    bridge: str | None = None
    dhcp: bool = True
    domain: str | None = None
    subnet6: str | None = None
    mtu: int | None = None

    def __post_init__(self) -> None:
        _checks.check_name("network", self.name)
        self._check_forward()
        self._check_bridge()
        if self.subnet is not None:
            self._check_subnet(self.subnet)
        if self.subnet6 is not None and _parsed(self.name, self.subnet6).version != 6:
            raise SpecError(f"network {self.name!r}: {self.subnet6!r} is no IPv6 subnet")
        if self.mtu is not None and not 68 <= self.mtu <= 65535:
            raise SpecError(f"network {self.name!r}: MTU {self.mtu} is impossible", hint="68 to 65535 bytes")

    def _check_forward(self) -> None:
        if self.forward is not None and self.forward not in FORWARD_MODES:
            raise SpecError(
                f"network {self.name!r}: forward mode {self.forward!r} is unknown",
                hint=f"one of {', '.join(FORWARD_MODES)}, or None for an isolated network",
            )
        if self.forward in ("nat", "route", "open") and self.subnet is None:
            raise SpecError(
                f"network {self.name!r}: forward mode {self.forward!r} needs a subnet",
                hint="such as subnet='192.168.50.0/24'",
            )
        if self.forward == "bridge" and (self.subnet is not None or self.bridge is None):
            raise SpecError(
                f"network {self.name!r}: forward mode 'bridge' uses a bridge of the host and has no subnet",
                hint="give bridge='br0' and leave the subnet out",
            )

    def _check_bridge(self) -> None:
        if self.bridge is not None:
            hint = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"
            _checks.check_link_name(f"network {self.name!r}: bridge name", self.bridge, hint=hint)
        elif len(self.bridge_name) > _checks.LINK_NAME_LIMIT:
            most = _checks.LINK_NAME_LIMIT - len(_BRIDGE_PREFIX)
            raise SpecError(
                f"network name {self.name!r} makes bridge name {self.bridge_name!r}, "
                f"{len(self.bridge_name)} characters long",
                hint=f"interface names have at most {_checks.LINK_NAME_LIMIT} characters: "
                f"use {most} or fewer",
            )

    def _check_subnet(self, subnet: str) -> None:
        parsed = _parsed(self.name, subnet)
        if parsed.version != 4:
            raise SpecError(
                f"network {self.name!r}: {subnet!r} is no IPv4 subnet", hint="use subnet6 for IPv6"
            )
        if self.dhcp and parsed.prefixlen > _LONGEST_DHCP_PREFIX:
            raise SpecError(
                f"network {self.name!r}: {subnet!r} is too small for DHCP",
                hint=f"use a prefix of at most /{_LONGEST_DHCP_PREFIX}, or dhcp=False",
            )

    @property
    def bridge_name(self) -> str:
        """Name of the network's bridge."""
        return self.bridge or f"{_BRIDGE_PREFIX}{self.name}"

    @property
    def ipv4(self) -> IPv4Network | None:
        """The IPv4 subnet; None without one."""
        return None if self.subnet is None else IPv4Network(self.subnet)

    @property
    def gateway(self) -> IPv4Address | None:
        """The host's address in the subnet: the first one."""
        return None if self.ipv4 is None else self.ipv4[1]

    @property
    def subnets(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Its subnets, IPv4 first."""
        return tuple(ip_network(subnet) for subnet in (self.subnet, self.subnet6) if subnet is not None)

    def check_against(
        self, present: Mapping[str, Present], *, reserved: Mapping[str, IPv4Network | IPv6Network]
    ) -> None:
        """Refuse a bridge or a subnet that is in use.

        Parameters
        ----------
        present
            Networks that exist, by name.
        reserved
            Other subnets in use, by what uses them.

        Raises
        ------
        SpecError
            Naming both sides.
        """
        for name, other in present.items():
            if self.forward != "bridge" and other.bridge == self.bridge_name:
                raise SpecError(
                    f"network {self.name!r}: bridge {self.bridge_name!r} belongs to network {name!r}",
                    hint="give another bridge name",
                )
            self._check_overlap(f"network {name!r}", other.subnets)
        for user, subnet in reserved.items():
            self._check_overlap(user, (subnet,))

    def _check_overlap(self, user: str, subnets: Iterable[IPv4Network | IPv6Network]) -> None:
        for own in self.subnets:
            for other in subnets:
                if own.version == other.version and own.overlaps(other):
                    raise SpecError(
                        f"network {self.name!r}: subnet {own} overlaps {other} of {user}",
                        hint="use another subnet, such as 192.168.51.0/24",
                    )

    def to_element(self, *, reservations: Sequence[Reservation] = ()) -> ET.Element:
        """Return libvirt's ``<network>`` element."""
        network = ET.Element("network")
        ET.SubElement(network, "name").text = self.name
        if self.forward is not None:
            ET.SubElement(network, "forward", mode=self.forward)
        if self.forward == "bridge":
            ET.SubElement(network, "bridge", name=self.bridge_name)
            return network
        ET.SubElement(network, "bridge", name=self.bridge_name, stp="on", delay="0")
        if self.mtu is not None:
            ET.SubElement(network, "mtu", size=str(self.mtu))
        if self.subnet is not None:
            ET.SubElement(network, "domain", name=self.domain or self.name, localOnly="yes")
        if self.ipv4 is not None:
            network.append(self._ip_element(self.ipv4, reservations))
        if self.subnet6 is not None:
            subnet6 = IPv6Network(self.subnet6)
            ET.SubElement(
                network, "ip", family="ipv6", address=str(subnet6[1]), prefix=str(subnet6.prefixlen)
            )
        return network

    def _ip_element(self, subnet: IPv4Network, reservations: Sequence[Reservation]) -> ET.Element:
        element = ET.Element("ip", address=str(subnet[1]), prefix=str(subnet.prefixlen))
        if self.dhcp:
            dhcp = ET.SubElement(element, "dhcp")
            ET.SubElement(dhcp, "range", start=str(subnet[2]), end=str(subnet[-2]))
            for host in reservations:
                ET.SubElement(dhcp, "host", mac=host.mac, name=host.name, ip=host.address)
        return element

    def to_xml(self, *, reservations: Sequence[Reservation] = ()) -> str:
        """Return the XML that ``virsh net-define`` would read."""
        element = self.to_element(reservations=reservations)
        ET.indent(element)
        return ET.tostring(element, encoding="unicode")


def _parsed(name: str, subnet: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(subnet)
    except ValueError as error:
        raise SpecError(f"network {name!r}: {error}", hint=_right_subnet(subnet)) from error


def _right_subnet(subnet: str) -> str:
    try:
        return f"did you mean {ip_network(subnet, strict=False)}?"
    except ValueError:
        return "write it as in 192.168.50.0/24"
