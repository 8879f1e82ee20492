"""What a lab has at one moment: XML from libvirt, links from the kernel."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from kvmlab.commands.direct import GluedTap
from kvmlab.exporting.libvirt_xml import glued_tap
from kvmlab.exporting.plan import FORWARDING_KEYS
from kvmlab.exporting.survey import Surroundings
from kvmlab.host.firewall import Rule
from kvmlab.host.links import NetworkState
from kvmlab.lab import Lab
from kvmlab.virt.inventory import NetworkFacts, network_facts

#: Forward modes for which libvirt itself makes the host a router.
ROUTING = ("nat", "route", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A domain's XML.

    Attributes
    ----------
    xml
        As it will be after its next start.
    live
        As it runs; empty if it does not.
    """

    xml: str
    live: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a lab has.

    Attributes
    ----------
    state
        Links, addresses and routes of its KVM host.
    networks, guests
        XML of networks and domains, by name.
    around
        What of the links is libvirt's, and what netlink does not tell.
    tables
        Firewall tables that libvirt did not make.
    """

    state: NetworkState
    networks: Mapping[str, str]
    guests: Mapping[str, Guest]
    around: Surroundings
    tables: tuple[str, ...] = ()

    @property
    def reserved(self) -> frozenset[str]:
        """MAC addresses that a network's DHCP knows."""
        facts = (network_facts(xml, is_active=False) for xml in self.networks.values())
        return frozenset(held.mac.lower() for fact in facts for held in fact.reservations)

    @property
    def glued(self) -> dict[str, GluedTap]:
        """Macvlans and taps that stand for a macvtap, by tap."""
        return {tap.name: tap for tap in _glued(self.state)}

    def network_of(self, bridge: str) -> str:
        """Return the network whose bridge libvirt makes under this name; empty if none."""
        return next((name for name, xml in self.networks.items() if _own_bridge(xml) == bridge), "")


def read(lab: Lab) -> Reading:
    """Read what a lab has at this moment.

    Parameters
    ----------
    lab
        A running lab.
    """
    state = lab.network_state(["host"])["host"]
    networks = {network.name: network.xml() for network in lab.networks()}
    guests = {
        domain.name: Guest(xml=domain.xml(inactive=True), live=domain.xml() if domain.is_active else "")
        for domain in lab.domains()
    }
    facts = [network_facts(xml, is_active=False) for xml in networks.values()]
    forwarding, without_ipv6 = _sysctls(lab, state)
    around = Surroundings(
        by_libvirt=frozenset(filter(None, map(_own_bridge, networks.values()))),
        guest_taps=frozenset(tap for guest in guests.values() for tap in _taps(guest.live)),
        without_ipv6=without_ipv6,
        forwarding=tuple(version for version in forwarding if not _routed_by_libvirt(facts, version)),
    )
    foreign = (f"{rule.family} {rule.table}" for rule in lab.firewall_rules() if _is_foreign(rule))
    return Reading(
        state=state, networks=networks, guests=guests, around=around, tables=tuple(dict.fromkeys(foreign))
    )


def _is_foreign(rule: Rule) -> bool:
    return not rule.by_libvirt and not rule.verdict.startswith("jump LIBVIRT_")


def _own_bridge(xml: str) -> str:
    """Return the bridge that libvirt makes for a network; empty if it makes none."""
    facts = network_facts(xml, is_active=False)
    return facts.bridge if facts.forward in ("", *ROUTING) else ""


def _taps(live: str) -> Iterator[str]:
    """Yield the taps of a running guest that libvirt made."""
    for nic in ET.fromstring(live).iterfind("devices/interface") if live else ():
        target = nic.find("target")
        if target is not None and target.get("managed") != "no":
            yield target.get("dev", "")


def _glued(state: NetworkState) -> Iterator[GluedTap]:
    for tap in state.links:
        macvlan = state.link(tap.redirect) if tap.kind == "tap" else None
        if macvlan is not None and macvlan.kind == "macvlan" and macvlan.redirect == tap.name:
            yield glued_tap(
                tap.name, lower=macvlan.lower, kernel_mode=macvlan.mode, mac=macvlan.mac, macvlan=macvlan.name
            )


def _sysctls(lab: Lab, state: NetworkState) -> tuple[tuple[int, ...], frozenset[str]]:
    """Return the families for which the host forwards, and the links without IPv6."""
    links = [link.name for link in state.links]
    keys = [*FORWARDING_KEYS.values(), *(f"net/ipv6/conf/{name}/disable_ipv6" for name in links)]
    # a guest that ends meanwhile takes its tap along: sysctl(8) says so, and goes on
    said = lab.host.run(["sysctl", *keys], check=False).stdout
    found = dict(line.split(" = ", 1) for line in said.splitlines() if " = " in line)
    on = {key.replace("/", ".") for key, value in found.items() if value.strip() == "1"}
    forwarding = tuple(version for version, key in FORWARDING_KEYS.items() if key in on)
    return forwarding, frozenset(
        n for n in links if f"net.ipv6.conf.{n}.disable_ipv6".replace("/", ".") in on
    )


def _routed_by_libvirt(facts: list[NetworkFacts], version: int) -> bool:
    subnets: list[IPv4Network | IPv6Network] = [s for f in facts if f.forward in ROUTING for s in f.subnets]
    return any(subnet.version == version for subnet in subnets)
