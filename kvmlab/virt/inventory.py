"""What a libvirt has: read before something new is defined in it."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_interface

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
    """

    name: str
    bridge: str
    forward: str
    is_active: bool
    subnets: tuple[IPv4Network | IPv6Network, ...]


def network_facts(xml: str, *, is_active: bool) -> NetworkFacts:
    """Read the facts of a network from its XML."""
    root = ET.fromstring(xml)
    bridge, forward = root.find("./bridge"), root.find("./forward")
    return NetworkFacts(
        name=root.findtext("./name", ""),
        bridge="" if bridge is None else bridge.get("name", ""),
        forward="" if forward is None else forward.get("mode", "nat"),
        is_active=is_active,
        subnets=tuple(_subnet(element) for element in root.iterfind("./ip")),
    )


def _subnet(element: ET.Element) -> IPv4Network | IPv6Network:
    prefix = element.get("prefix") or element.get("netmask") or "24"
    return ip_interface(f"{element.get('address')}/{prefix}").network


def networks(connection: Connection) -> dict[str, NetworkFacts]:
    """Return the facts of every network, by name."""
    with connection.translated("list the networks") as vir:
        found = [(n.XMLDesc(0), bool(n.isActive())) for n in vir.listAllNetworks()]
    facts = [network_facts(xml, is_active=active) for xml, active in found]
    return {fact.name: fact for fact in facts}


def domain_macs(connection: Connection) -> dict[str, list[str]]:
    """Return the MAC addresses of every domain, by name."""
    with connection.translated("list the domains") as vir:
        return {d.name(): domain_xml.interface_macs(d.XMLDesc(0)) for d in vir.listAllDomains()}
