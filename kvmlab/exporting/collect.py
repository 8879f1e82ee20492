"""From networks and guests of a lab to all that a real host needs for the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from kvmlab._repr import Table
from kvmlab.commands import Command
from kvmlab.commands.route import explain_route
from kvmlab.errors import SpecError
from kvmlab.exporting import iproute2, libvirt_xml, netplan, networkd, nmcli, remarks, survey, virt_install
from kvmlab.exporting.libvirt_xml import Cleaned, DomainSource
from kvmlab.exporting.plan import HostPlan
from kvmlab.exporting.reading import Reading, read
from kvmlab.exporting.recipe import Recipe
from kvmlab.exporting.result import Export
from kvmlab.lab import Lab
from kvmlab.virt.domain import Domain
from kvmlab.virt.inventory import network_facts
from kvmlab.virt.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What is exported: names, and links of the host that are wanted for their own sake."""

    title: str
    networks: tuple[str, ...]
    guests: tuple[str, ...]
    links: tuple[str, ...] = ()


def export(lab: Lab, *things: Network | Domain, by_hand: bool = False) -> Export:
    """Return what a real host needs to get networks and guests of a lab.

    It is read from the running lab, so that what was made by hand with
    ``virsh`` and ``ip`` goes along.

    Parameters
    ----------
    lab
        A running lab.
    things
        Its networks and guests, each with all that it needs; everything in
        the lab if nothing is named.
    by_hand
        Keep taps that stand for a macvtap in a lab without root, with the
        commands that make them; otherwise macvtap takes their place.

    Raises
    ------
    SpecError
        If something is not of this lab, or not defined any more, or there is nothing.
    HostError
        If the lab's host lacks a link that is used.

    Notes
    -----
    Sources: ``virsh dumpxml``, ``virsh net-dumpxml``, ``ip -details link``,
    ``ip address``, ``ip route`` and ``sysctl`` on the lab's host.
    """
    for thing in things:
        _check_origin(lab, thing)
    reading = read(lab)
    for thing in things:
        _check_defined(lab, reading, thing)
    chosen = _choose(lab, reading, things)
    domains = [_cleaned_domain(reading, name, by_hand=by_hand) for name in chosen.guests]
    names = dict.fromkeys([*chosen.networks, *(n for d in domains for n in _networks_of(reading, d))])
    networks = [libvirt_xml.network(reading.networks[name]) for name in names]
    plan = _plan(reading, networks, domains, chosen.links)
    return _export(chosen.title, reading, plan, networks, domains)


def _check_origin(lab: Lab, thing: object) -> None:
    if not isinstance(thing, Network | Domain):
        raise SpecError(
            f"{thing!r} cannot be exported: it is neither a network nor a guest",
            hint="such as lab.network('blue') or lab.domain('vm1')",
        )
    if thing.uri != lab.uri:
        raise SpecError(
            f"{_kind(thing)} {thing.name!r} is of another lab than {lab.name!r}",
            hint="name the lab that has it",
        )


def _kind(thing: Network | Domain) -> str:
    return "network" if isinstance(thing, Network) else "guest"


def _check_defined(lab: Lab, reading: Reading, thing: Network | Domain) -> None:
    known = reading.networks if isinstance(thing, Network) else reading.guests
    if thing.name not in known:
        raise SpecError(
            f"{_kind(thing)} {thing.name!r} is not defined in lab {lab.name!r}",
            hint=f"there are: {', '.join(sorted(known)) or 'none'}",
        )


def _choose(lab: Lab, reading: Reading, things: Sequence[Network | Domain]) -> _Chosen:
    if things:
        return _Chosen(
            title=", ".join(f"{_kind(thing)} {thing.name}" for thing in things),
            networks=tuple(thing.name for thing in things if isinstance(thing, Network)),
            guests=tuple(thing.name for thing in things if isinstance(thing, Domain)),
        )
    links = tuple(survey.made_by_hand(reading.state, reading.around))
    if not (reading.networks or reading.guests or links):
        raise SpecError(f"lab {lab.name!r} has nothing to export", hint="define a network or a guest first")
    return _Chosen(
        title=f"lab {lab.name}", networks=tuple(reading.networks), guests=tuple(reading.guests), links=links
    )


def find(lab: Lab, name: str) -> Network | Domain:
    """Return the network or guest of that name.

    Raises
    ------
    SpecError
        If there is none, or both.
    """
    networks = [network.name for network in lab.networks()]
    guests = [domain.name for domain in lab.domains()]
    kind, _, rest = name.rpartition("/")
    is_network, is_guest = rest in networks and kind != "guest", rest in guests and kind != "network"
    if is_network and is_guest:
        raise SpecError(f"{name!r} is a network and a guest", hint=f"write network/{name} or guest/{name}")
    if not (is_network or is_guest):
        known = f"networks: {', '.join(networks) or 'none'}; guests: {', '.join(guests) or 'none'}"
        raise SpecError(f"lab {lab.name!r} has no network and no guest {name!r}", hint=known)
    return lab.network(rest) if is_network else lab.domain(rest)


def _cleaned_domain(reading: Reading, name: str, *, by_hand: bool) -> Cleaned:
    guest = reading.guests[name]
    source = DomainSource(
        xml=guest.xml, live=guest.live, reserved=reading.reserved, glued=reading.glued, by_hand=by_hand
    )
    return libvirt_xml.domain(source)


def _networks_of(reading: Reading, domain: Cleaned) -> Iterator[str]:
    """Yield the libvirt networks that a guest needs, also those that it knows by their bridge."""
    for kind, where in libvirt_xml.needs(domain.root):
        network = where if kind == "network" else reading.network_of(where) if kind == "bridge" else ""
        if network and network not in reading.networks:
            raise SpecError(
                f"guest {domain.name!r} is plugged into network {network!r}, which is not defined",
                hint="define it again, or plug the guest in elsewhere",
            )
        if network:
            yield network


def _plan(
    reading: Reading, networks: Iterable[Cleaned], domains: Iterable[Cleaned], links: Iterable[str]
) -> HostPlan:
    found = [need for domain in domains for need in libvirt_xml.needs(domain.root)]
    taps = [where for kind, where in found if kind == "ethernet"]
    glued = tuple(reading.glued[tap] for tap in dict.fromkeys(taps) if tap in reading.glued)
    wanted = [where for kind, where in found if kind in ("bridge", "direct")]
    wanted += [tap for tap in taps if tap not in reading.glued]
    wanted += [tap.direct.dev for tap in glued]
    wanted += [name for network in networks for name in libvirt_xml.network_needs(network.root)]
    own = [network_facts(network.xml, is_active=False).bridge for network in networks]
    plan = survey.plan_for(reading.state, dict.fromkeys([*wanted, *links, *own]), reading.around)
    return replace(plan, glued=glued)


def _export(
    title: str, reading: Reading, plan: HostPlan, networks: Sequence[Cleaned], domains: Sequence[Cleaned]
) -> Export:
    xml = {f"network-{network.name}.xml": network.xml for network in networks}
    xml |= {f"domain-{domain.name}.xml": domain.xml for domain in domains}
    tools = {"iproute2": iproute2, "nmcli": nmcli, "networkd": networkd, "netplan": netplan}
    host = {name: remarks.if_nothing(tool.recipe(plan), plan) for name, tool in tools.items()}
    return Export(
        title=title,
        xml=xml,
        virsh=Recipe(tool="virsh", files=xml, commands=tuple(_virsh(networks, domains))),
        virt_install=virt_install.recipe([domain.root for domain in domains]),
        elsewhere=tuple(_elsewhere(reading, plan, networks)),
        notes=Table(remarks.notes(reading, plan, networks, domains)),
        plan=plan,
        **host,
    )


def _virsh(networks: Iterable[Cleaned], domains: Iterable[Cleaned]) -> Iterator[Command]:
    for network in networks:
        name = network.name
        yield Command(("virsh", "net-define", f"network-{name}.xml"), f"Give libvirt network {name} …")
        yield Command(("virsh", "net-start", name), "… start it …")
        yield Command(("virsh", "net-autostart", name), "… and start it with the host from now on")
    for domain in domains:
        yield Command(("virsh", "define", f"domain-{domain.name}.xml"), f"Give libvirt guest {domain.name} …")
        yield Command(("virsh", "start", domain.name), "… and start it")


def _elsewhere(reading: Reading, plan: HostPlan, networks: Iterable[Cleaned]) -> Iterator[Command]:
    """Yield what routers around the host have to be told: where the subnets behind it are."""
    subnets: list[IPv4Network | IPv6Network] = []
    for network in networks:
        facts = network_facts(network.xml, is_active=False)
        if facts.forward in ("route", "open"):
            subnets += facts.subnets
    for link in plan.made:
        if link.kind == "bridge" and not plan.ports(link.name):
            found = (ip_interface(address).network for address in link.addressing.addresses)
            subnets += [subnet for subnet in found if subnet.version in plan.forwarding]
    for subnet in dict.fromkeys(subnets):
        via = _own_address(reading, subnet.version)
        if via:
            yield from explain_route(str(ip_network(subnet)), via=via).commands


def _own_address(reading: Reading, version: int) -> str:
    """Return the host's address on the link of its default route."""
    routes = [r for r in reading.state.routes if r.destination == "default" and r.family == version]
    if not routes:
        return ""
    uplink = min(routes, key=lambda route: route.metric).link
    own = (a.address for a in reading.state.addresses_of(uplink) if a.scope == "global")
    return next((address for address in own if (":" in address) == (version == 6)), "")
