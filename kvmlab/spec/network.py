"""A libvirt network: ``<network>``."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Protocol

from kvmlab.errors import SpecError
from kvmlab.spec import _checks
from kvmlab.spec._dnsmasq import dnsmasq_options
from kvmlab.spec.identity import NetworkIdentity
from kvmlab.spec.reservation import Reservation
from kvmlab.spec.vlan import vlan_element

#: libvirt's forward modes that this description covers (formatnetwork, "Connectivity").
FORWARD_MODES = ("nat", "route", "open", "bridge")
_BRIDGE_PREFIX = "virbr-"
#: A DHCP network needs the host's address and at least a handful to give out.
_LONGEST_DHCP_PREFIX = 29
#: The host and one guest.
_LONGEST_PREFIX = 30
#: Most addresses in a DHCP range that libvirt takes ("range is too large").
DHCP_LIMIT = 65534
_RA_PREFIX = 64


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
        IPv6 subnet, a /64; guests configure themselves (RA, RFC 4861). With
        ``forward="nat"`` it is translated, too.
    mtu
        MTU of the bridge in bytes.
    stp
        Whether the bridge speaks the spanning tree protocol. libvirt's own
        default is on, and then the kernel lets no frame pass a new port for
        4 s, whatever delay is asked for (2 s listening, 2 s learning:
        ``br_stp_start`` in net/bridge/br_stp_if.c). A bridge that has only
        guests needs none.
    vlans
        VLANs of all its guests, as in :class:`~kvmlab.spec.interface.InterfaceSpec`;
        libvirt sets them with ``forward="bridge"`` only.

    Raises
    ------
    SpecError
        If something is malformed or missing.

    Examples
    --------
    >>> print(NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat").to_xml())
    <network xmlns:dnsmasq="http://libvirt.org/schemas/network/dnsmasq/1.0">
      <name>blue</name>
      <forward mode="nat" />
      <bridge name="virbr-blue" stp="off" delay="0" />
      <domain name="blue" localOnly="yes" />
      <ip address="192.168.50.1" prefix="24">
        <dhcp>
          <range start="192.168.50.2" end="192.168.50.254" />
        </dhcp>
      </ip>
      <dnsmasq:options>
        <dnsmasq:option value="no-ping" />
      </dnsmasq:options>
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
    stp: bool = False
    vlans: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _checks.check_name("network", self.name)
        object.__setattr__(self, "vlans", tuple(self.vlans))
        _checks.check_vlans(f"network {self.name!r}", self.vlans)
        self._check_forward()
        self._check_bridge()
        if self.subnet is not None:
            self._check_subnet(self.subnet)
        if self.subnet6 is not None:
            self._check_subnet6(self.subnet6)
        if self.domain is not None:
            _checks.check_dns_domain(f"network {self.name!r}", self.domain)
        if self.mtu is not None:
            _checks.check_mtu(f"network {self.name!r}", self.mtu, minimum=1280 if self.subnet6 else 68)

    def _check_forward(self) -> None:
        if self.forward is not None and self.forward not in FORWARD_MODES:
            raise SpecError(
                f"network {self.name!r}: forward mode {self.forward!r} is unknown",
                hint=f"one of {', '.join(FORWARD_MODES)}, or None for an isolated network",
            )
        if self.forward in ("nat", "route", "open") and self.subnet is self.subnet6 is None:
            raise SpecError(
                f"network {self.name!r}: forward mode {self.forward!r} needs a subnet",
                hint="such as subnet='192.168.50.0/24'",
            )
        if self.forward == "bridge" and self.bridge is None:
            raise SpecError(
                f"network {self.name!r}: forward mode 'bridge' needs a bridge of the host",
                hint="such as bridge='br0'",
            )
        if self.vlans and self.forward != "bridge":
            message = f"network {self.name!r} has vlans, which libvirt sets on bridges of the host only"
            raise SpecError(message, hint="use forward='bridge'; filter_vlans() sets those of any bridge")
        if self.forward == "bridge":
            self._check_nothing_of_its_own()

    def _check_nothing_of_its_own(self) -> None:
        """Refuse what libvirt does not set on an existing bridge (formatnetwork, "Connectivity")."""
        given = [name for name in ("subnet", "subnet6", "domain", "mtu") if getattr(self, name) is not None]
        if given:
            raise SpecError(
                f"network {self.name!r}: forward mode 'bridge' uses a bridge of the host as it is",
                hint=f"leave {' and '.join(given)} out",
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
        parsed = _checks.check_subnet(f"network {self.name!r}", subnet, version=4)
        if parsed.prefixlen > (_LONGEST_DHCP_PREFIX if self.dhcp else _LONGEST_PREFIX):
            raise SpecError(
                f"network {self.name!r}: {subnet!r} is too small",
                hint=f"use a prefix of at most /{_LONGEST_DHCP_PREFIX}; without DHCP /{_LONGEST_PREFIX}",
            )
        object.__setattr__(self, "subnet", str(parsed))

    def _check_subnet6(self, subnet: str) -> None:
        parsed = _checks.check_subnet(f"network {self.name!r}", subnet, version=6)
        if parsed.prefixlen != _RA_PREFIX:
            raise SpecError(
                f"network {self.name!r}: {subnet!r} has prefix /{parsed.prefixlen}",
                hint=f"guests configure themselves only in a /{_RA_PREFIX} (RFC 4862)",
            )
        object.__setattr__(self, "subnet6", str(parsed))

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
    def dhcp_range(self) -> tuple[IPv4Address, IPv4Address] | None:
        """First and last address that DHCP gives out; None without DHCP."""
        if self.ipv4 is None or not self.dhcp:
            return None
        last = min(self.ipv4.num_addresses - 2, DHCP_LIMIT + 1)
        return self.ipv4[2], self.ipv4[last]

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

    def check_reservation(self, reservation: Reservation) -> None:
        """Refuse a reservation that the network's DHCP cannot serve.

        Raises
        ------
        SpecError
            If the address lies outside the subnet, or is the host's own.
        """
        _checks.check_mac(reservation.mac)
        address = _checks.check_ipv4(reservation.address)
        subnet = self.ipv4
        if subnet is None or address not in subnet or address in (subnet[0], subnet[1], subnet[-1]):
            raise SpecError(
                f"network {self.name!r}: address {address} cannot be given to {reservation.name!r}",
                hint="the network serves no addresses"
                if subnet is None
                else f"choose one from {subnet[2]} to {subnet[-2]}",
            )

    def to_element(
        self, *, reservations: Sequence[Reservation] = (), identity: NetworkIdentity | None = None
    ) -> ET.Element:
        """Return libvirt's ``<network>`` element; see :meth:`to_xml`."""
        network = ET.Element("network")
        ET.SubElement(network, "name").text = self.name
        if identity is not None:
            ET.SubElement(network, "uuid").text = identity.uuid
        if self.forward is not None:
            forward = ET.SubElement(network, "forward", mode=self.forward)
            if self.forward == "nat" and self.subnet6 is not None:
                ET.SubElement(forward, "nat", ipv6="yes")
        if self.forward == "bridge":
            ET.SubElement(network, "bridge", name=self.bridge_name)
            network.extend([vlan_element(self.vlans)] if self.vlans else [])
            return network
        ET.SubElement(network, "bridge", name=self.bridge_name, stp="on" if self.stp else "off", delay="0")
        if identity is not None:
            ET.SubElement(network, "mac", address=identity.mac)
        if self.mtu is not None:
            ET.SubElement(network, "mtu", size=str(self.mtu))
        self._add_subnets(network, reservations)
        if self.dhcp_range is not None:
            network.append(dnsmasq_options())
        return network

    def _add_subnets(self, network: ET.Element, reservations: Sequence[Reservation]) -> None:
        if self.subnet is not None or self.subnet6 is not None:
            ET.SubElement(network, "domain", name=self.domain or self.name, localOnly="yes")
        if self.ipv4 is not None:
            network.append(self._ip_element(self.ipv4, reservations))
        if self.subnet6 is not None:
            subnet6 = IPv6Network(self.subnet6)
            ET.SubElement(
                network, "ip", family="ipv6", address=str(subnet6[1]), prefix=str(subnet6.prefixlen)
            )

    def _ip_element(self, subnet: IPv4Network, reservations: Sequence[Reservation]) -> ET.Element:
        element = ET.Element("ip", address=str(subnet[1]), prefix=str(subnet.prefixlen))
        if self.dhcp_range is not None:
            first, last = self.dhcp_range
            dhcp = ET.SubElement(element, "dhcp")
            ET.SubElement(dhcp, "range", start=str(first), end=str(last))
            for host in reservations:
                self.check_reservation(host)
                ET.SubElement(dhcp, "host", mac=host.mac, name=host.name, ip=host.address)
        return element

    def to_xml(
        self, *, reservations: Sequence[Reservation] = (), identity: NetworkIdentity | None = None
    ) -> str:
        """Return the XML that ``virsh net-define`` would read.

        Parameters
        ----------
        reservations
            Fixed addresses in its DHCP.
        identity
            UUID, and MAC address of the bridge; by default libvirt chooses them by chance.
        """
        element = self.to_element(reservations=reservations, identity=identity)
        ET.indent(element)
        return ET.tostring(element, encoding="unicode")
