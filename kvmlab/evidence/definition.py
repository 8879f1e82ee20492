"""What libvirt was told: the NICs of domains and the networks, from their XML."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from kvmlab.lab import Lab
from kvmlab.virt import inventory
from kvmlab.virt.inventory import NetworkFacts
from kvmlab.virt.network import Lease, Network

_RUNNING = "running"


@dataclass(frozen=True, slots=True)
class DefinedNic:
    """An ``<interface>`` of a domain.

    Attributes
    ----------
    domain, state
        Name of the domain, and its state in libvirt's words.
    index
        Its number among the domain's NICs, from 0.
    kind
        ``network``, ``bridge``, ``direct``, ``ethernet``, ``user``, ``mcast`` and so on.
    mac, model
        As libvirt has them.
    network, bridge, dev
        What it is plugged into: a libvirt network, a bridge (that of the
        network, too), the link below a macvtap; empty for what it is not.
    tap
        Link of the host; empty while the domain is off, and for what has none.
    is_plugged
        Whether its cable is plugged in: ``<link state='down'>`` says no.
    is_isolated
        Whether libvirt made its bridge port an isolated one.
    filter
        Name of its nwfilter; empty for none.
    """

    domain: str
    state: str
    index: int
    kind: str
    mac: str
    model: str
    network: str = ""
    bridge: str = ""
    dev: str = ""
    tap: str = ""
    is_plugged: bool = True
    is_isolated: bool = False
    filter: str = ""

    @property
    def is_running(self) -> bool:
        """Whether the domain runs."""
        return self.state == _RUNNING


@dataclass(frozen=True, slots=True)
class DefinedNetwork:
    """A libvirt network.

    Attributes
    ----------
    facts
        What its XML says.
    autostarts
        Whether it is started with the host.
    ranges
        First and last address of each range that its DHCP gives out.
    leases
        What it gave out so far.
    """

    facts: NetworkFacts
    autostarts: bool
    ranges: tuple[tuple[IPv4Address, IPv4Address], ...]
    leases: tuple[Lease, ...] = ()

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.facts.name

    @property
    def address_count(self) -> int:
        """How many addresses its DHCP gives out."""
        return sum(int(last) - int(first) + 1 for first, last in self.ranges)


def read_nics(lab: Lab) -> tuple[DefinedNic, ...]:
    """Return the NICs of all domains: by domain, and in the order of its XML.

    Raises
    ------
    LibvirtError
        If libvirt refuses to tell.
    """
    bridges = {network.name: network.bridge for network in lab.networks()}
    return tuple(
        nic
        for domain in lab.domains()
        for nic in parse_nics(domain.name, domain.state, domain.xml(), bridges=bridges)
    )


def parse_nics(domain: str, state: str, xml: str, *, bridges: dict[str, str]) -> Iterator[DefinedNic]:
    """Read the NICs from a domain's XML.

    Parameters
    ----------
    domain, state
        Its name, and its state in libvirt's words.
    xml
        As ``virsh dumpxml`` prints it.
    bridges
        Bridges of the networks, by name.
    """
    for index, element in enumerate(ET.fromstring(xml).iterfind("./devices/interface")):
        network = _attribute(element, "source", "network")
        yield DefinedNic(
            domain=domain,
            state=state,
            index=index,
            kind=element.get("type", ""),
            mac=_attribute(element, "mac", "address"),
            model=_attribute(element, "model", "type"),
            network=network,
            bridge=_attribute(element, "source", "bridge") or bridges.get(network, ""),
            dev=_attribute(element, "source", "dev"),
            tap=_attribute(element, "target", "dev") if state == _RUNNING else "",
            is_plugged=_attribute(element, "link", "state") != "down",
            is_isolated=_attribute(element, "port", "isolated") == "yes",
            filter=_attribute(element, "filterref", "filter"),
        )


def _attribute(element: ET.Element, path: str, name: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(name, "")


def read_networks(lab: Lab) -> tuple[DefinedNetwork, ...]:
    """Return the libvirt networks of a lab, by name.

    Raises
    ------
    LibvirtError
        If libvirt refuses to tell.
    """
    return tuple(read_network(network) for network in lab.networks())


def read_network(network: Network) -> DefinedNetwork:
    """Return what libvirt knows of a network."""
    xml, is_active = network.xml(), network.is_active
    found = ET.fromstring(xml).iterfind("./ip/dhcp/range")
    ends = [(element.get("start", ""), element.get("end", "")) for element in found]
    ranges = tuple((IPv4Address(first), IPv4Address(last)) for first, last in ends if ":" not in first)
    return DefinedNetwork(
        facts=inventory.network_facts(xml, is_active=is_active),
        autostarts=bool(network.vir.autostart()),
        ranges=ranges,
        leases=tuple(network.leases()) if is_active and ranges else (),
    )
