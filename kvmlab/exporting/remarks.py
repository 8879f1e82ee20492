"""What the reader of an export has to know: what to fill in, and where nothing is to do."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kvmlab.exporting import survey
from kvmlab.exporting.libvirt_xml import Cleaned, Note, needs
from kvmlab.exporting.plan import HostPlan, is_taken_from_uplink
from kvmlab.exporting.reading import Reading
from kvmlab.exporting.recipe import Recipe
from kvmlab.virt.inventory import network_facts


def if_nothing(recipe: Recipe, plan: HostPlan) -> Recipe:
    """Return a recipe that says so if there is nothing to do."""
    if not plan.is_empty:
        return recipe
    made = f": libvirt makes {' and '.join(plan.by_libvirt)}" if plan.by_libvirt else ""
    return replace(recipe, remarks=(f"The host needs no configuration{made}.",))


def notes(
    reading: Reading, plan: HostPlan, networks: Sequence[Cleaned], domains: Sequence[Cleaned]
) -> Iterator[Note]:
    """Yield the notes of an export; each once.

    Parameters
    ----------
    reading
        What the lab has.
    plan
        What the host needs.
    networks, domains
        What is exported.
    """
    found = [
        *_about_networks(networks),
        *_about_cards(reading, plan, domains),
        *_about_addresses(plan),
        *_about_others(reading, networks),
        *(note for one in (*networks, *domains) for note in one.notes),
        *_about_macs(domains),
    ]
    yield from dict.fromkeys(found)


def _about_networks(networks: Iterable[Cleaned]) -> Iterator[Note]:
    for network in networks:
        facts = network_facts(network.xml, is_active=False)
        if not facts.bridge or facts.forward == "bridge":
            continue
        parts = "the bridge" if not facts.subnets else "bridge, address, DHCP and DNS server"
        rules = "" if facts.forward == "open" or not facts.subnets else ", and its firewall rules"
        text = f"libvirt makes {parts}{rules}: nothing is needed of the host but libvirt."
        yield Note(about=f"network {network.name}", text=text)


def _about_cards(reading: Reading, plan: HostPlan, domains: Iterable[Cleaned]) -> Iterator[Note]:
    used = [link.name for link in plan.links if link.kind == "nic"]
    used += [where for domain in domains for kind, where in needs(domain.root) if kind == "direct"]
    made = {link.name for link in plan.made}
    for name in dict.fromkeys(used):
        link = reading.state.link(name)
        if link is None or name in made:
            continue
        kind = (
            "" if link.kind in ("veth", "physical") else f" ({link.kind}; how it is made is not part of this)"
        )
        yield Note(
            about=name, text=f"A card of the lab's host{kind}: write the name of yours (ip -brief link)."
        )


def _about_addresses(plan: HostPlan) -> Iterator[Note]:
    for link in plan.made:
        own = link.addressing
        if is_taken_from_uplink(plan, link):
            words = ", ".join([*own.addresses, *(f"router {gateway}" for gateway in own.gateways)])
            yield Note(about=link.name, text=f"Write your host's own addresses and router for: {words}.")
            text = "The host has no network while its address moves: do it at its console, or in one script."
            yield Note(about=link.name, text=text)


def _about_others(reading: Reading, networks: Iterable[Cleaned]) -> Iterator[Note]:
    bridges = {network_facts(network.xml, is_active=False).bridge: network.name for network in networks}
    for port in survey.foreign_ports(reading.state, reading.around):
        if port.master in bridges:
            text = (
                f"Made a port of libvirt's bridge by hand; to be done again whenever network "
                f"{bridges[port.master]} starts: ip link set dev {port.name} master {port.master}"
            )
            yield Note(about=port.name, text=text)
    for table in reading.tables:
        text = f"Firewall rules that somebody set by hand are not exported: nft list table {table}"
        yield Note(about=f"table {table}", text=text)


def _about_macs(domains: Iterable[Cleaned]) -> Iterator[Note]:
    nics = (nic for domain in domains for nic in domain.root.iterfind("devices/interface"))
    if any(nic.find("mac") is None for nic in nics):
        text = "Left out unless an address is reserved for one: libvirt chooses, so that none occurs twice."
        yield Note(about="MAC addresses", text=text)
