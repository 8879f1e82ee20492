"""What a libvirt has: read before something new is defined in it."""

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_interface

import libvirt

from kvmlab.spec.reservation import Reservation
from kvmlab.topology import GuestNic
from kvmlab.virt import domain_xml
from kvmlab.virt.connection import Connection


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What is read from the XML of a network.

    Attributes
    ----------
    name, bridge
        Names of the network and of its bridge.
    forward
        Forward mode; empty for an isolated network.
    is_active
        Whether it is started.
    subnets
        Subnets of its ``<ip>`` elements, IPv4 and IPv6.
    dhcp_subnet
        The IPv4 subnet in which it gives out addresses; None without DHCP.
    reservations
        Fixed addresses in its DHCP.
    """

    name: str
    bridge: str
    forward: str
    is_active: bool
    subnets: tuple[IPv4Network | IPv6Network, ...]
    dhcp_subnet: IPv4Network | None = None
    reservations: tuple[Reservation, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A NIC of a running guest that is plugged into a network.

    Attributes
    ----------
    domain
        Name of the guest.
    mac
        MAC address of the NIC.
    tap
        Its other end on the host; empty if it has none.
    """

    domain: str
    mac: str
    tap: str


def network_facts(xml: str, *, is_active: bool) -> NetworkFacts:
    """Read the facts of a network from its XML."""
    root = ET.fromstring(xml)
    bridge, forward = root.find("./bridge"), root.find("./forward")
    served = [_subnet(ip) for ip in root.iterfind("./ip") if ip.find("./dhcp/range") is not None]
    return NetworkFacts(
        name=root.findtext("./name", ""),
        bridge="" if bridge is None else bridge.get("name", ""),
        forward="" if forward is None else forward.get("mode", "nat"),
        is_active=is_active,
        subnets=tuple(_subnet(element) for element in root.iterfind("./ip")),
        dhcp_subnet=next((subnet for subnet in served if isinstance(subnet, IPv4Network)), None),
        reservations=reservations(root),
    )


def reservations(network: ET.Element) -> tuple[Reservation, ...]:
    """Return the fixed addresses in a ``<network>`` element."""
    hosts = network.iterfind("./ip/dhcp/host[@mac]")
    return tuple(
        Reservation(mac=h.get("mac", ""), name=h.get("name", ""), address=h.get("ip", "")) for h in hosts
    )


def _subnet(element: ET.Element) -> IPv4Network | IPv6Network:
    address = element.get("address", "")
    prefix = element.get("prefix") or element.get("netmask") or _default_prefix(address)
    return ip_interface(f"{address}/{prefix}").network


def _default_prefix(address: str) -> int:
    """Return what libvirt takes without prefix and netmask: that of the address class (RFC 791)."""
    if ":" in address:
        return 64
    first = int(address.split(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


def networks(connection: Connection) -> dict[str, NetworkFacts]:
    """Return the facts of every network, by name."""
    with connection.translated("list the networks") as vir:
        found = [(n.XMLDesc(0), bool(n.isActive())) for n in vir.listAllNetworks()]
    facts = [network_facts(xml, is_active=active) for xml, active in found]
    return {fact.name: fact for fact in facts}


def reservations_of(connection: Connection, macs: Collection[str]) -> list[tuple[str, Reservation]]:
    """Return the fixed addresses of these MAC addresses, each with the name of its network."""
    found = networks(connection).values() if macs else ()
    return [(facts.name, held) for facts in found for held in facts.reservations if held.mac in macs]


def domain_macs(connection: Connection) -> dict[str, list[str]]:
    """Return the MAC addresses of every domain, by name."""
    return {name: domain_xml.interface_macs(xml) for name, xml in _domains(connection, 0)}


def _domains(connection: Connection, flags: int) -> list[tuple[str, str]]:
    """Return name and XML of the domains with these ``VIR_CONNECT_LIST_DOMAINS`` flags."""
    found = []
    with connection.translated("list the domains") as vir:
        for domain in vir.listAllDomains(flags):
            try:
                found.append((domain.name(), domain.XMLDesc(0)))
            except libvirt.libvirtError as error:
                # A guest that becomes a template ends, and is forgotten, from one moment to the next.
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
    return found


def attachments(connection: Connection, network: NetworkFacts) -> list[Attachment]:
    """Return the NICs of running guests that are plugged into a network, or into its bridge by name."""
    return [
        Attachment(name, _attribute(nic, "mac", "address"), _attribute(nic, "target", "dev"))
        for name, xml in _domains(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        for nic in ET.fromstring(xml).iterfind("./devices/interface")
        if _attribute(nic, "source", "network") == network.name
        or (nic.get("type") == "bridge" and _attribute(nic, "source", "bridge") == network.bridge)
    ]


def _attribute(element: ET.Element, tag: str, name: str) -> str:
    found = element.find(f"./{tag}")
    return "" if found is None else found.get(name, "")


def inactive_networks(connection: Connection, xml: str) -> list[str]:
    """Return the names of a domain's networks that are not started.

    Parameters
    ----------
    connection
        Libvirt that has them.
    xml
        XML of the domain.

    Raises
    ------
    LibvirtError
        If one of them is not even defined.
    """
    found = []
    for name in domain_xml.network_names(xml):
        with connection.translated(f"look at network {name!r}") as vir:
            if not vir.networkLookupByName(name).isActive():
                found.append(name)
    return found


def with_bridges(nics: Iterable[GuestNic], bridges: Mapping[str, str]) -> Iterator[GuestNic]:
    """Yield the NICs, each with the bridge of its network.

    Parameters
    ----------
    nics
        NICs, as :meth:`kvmlab.virt.domain.Domain.nics` returns them.
    bridges
        Bridges by name of the network.
    """
    for nic in nics:
        yield replace(nic, bridge=nic.bridge or bridges.get(nic.network, ""))
