"""From the live state of a host to what another host needs to be the same: pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_interface

from kvmlab.errors import HostError
from kvmlab.exporting.plan import Addressing, HostLink, HostPlan, StaticRoute
from kvmlab.host.links import Link, NetworkState

#: Kinds that are made with one command; any other link has to be there already.
_MADE = ("bridge", "vlan", "macvlan", "tap")
#: Protocols of routes that nobody set by hand (rtnetlink(7)).
_BY_ITSELF = ("kernel", "ra", "dhcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What belongs to others, and what netlink does not tell.

    Attributes
    ----------
    by_libvirt
        Bridges that libvirt makes.
    guest_taps
        Taps and macvtaps that libvirt makes.
    without_ipv6
        Links on which IPv6 is switched off.
    forwarding
        Families for which somebody made the host a router.
    """

    by_libvirt: frozenset[str] = frozenset()
    guest_taps: frozenset[str] = frozenset()
    without_ipv6: frozenset[str] = frozenset()
    forwarding: tuple[int, ...] = ()


def plan_for(state: NetworkState, wanted: Iterable[str], around: Surroundings) -> HostPlan:
    """Return what a host needs so that these links are there as they are here.

    Parameters
    ----------
    state
        The host as it is.
    wanted
        Names of links that guests or networks use.
    around
        What else is known.

    Raises
    ------
    HostError
        If the host has no such link.
    """
    names = list(wanted)
    found = _with_neighbours(state, names, around)
    links = [_planned(state, link, around) for link in found.values()]
    kept = [link for link in links if _is_needed(link, links)]
    return HostPlan(
        links=tuple(sorted(kept, key=lambda link: _order(found, link))),
        forwarding=around.forwarding,
        by_libvirt=tuple(dict.fromkeys(name for name in names if name in around.by_libvirt)),
    )


def made_by_hand(state: NetworkState, around: Surroundings) -> list[str]:
    """Return the links that neither libvirt nor the kernel made by itself."""
    others = around.by_libvirt | around.guest_taps
    return [
        link.name
        for link in state.links
        if link.kind in _MADE and link.name not in others and not link.redirect
    ]


def foreign_ports(state: NetworkState, around: Surroundings) -> list[Link]:
    """Return the ports that somebody added by hand to bridges that libvirt makes."""
    ports = (port for bridge in sorted(around.by_libvirt) for port in state.ports(bridge))
    return [port for port in ports if port.name not in around.guest_taps]


def _with_neighbours(state: NetworkState, wanted: Iterable[str], around: Surroundings) -> dict[str, Link]:
    """Return these links and all that they hang on, by name."""
    others = around.by_libvirt | around.guest_taps
    found: dict[str, Link] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop(0)
        if not name or name in found or name in others:
            continue
        link = state.link(name)
        if link is None:
            raise HostError(
                f"the host has no link {name!r}, which a network or a guest of the lab uses",
                hint="make it first, or undefine() what uses it",
            )
        found[name] = link
        waiting += [link.master, link.lower, *(port.name for port in state.ports(name))]
        # a macvlan of the host's own is how it reaches guests on the same card
        waiting += [one.name for one in state.links if one.lower == name and state.addresses_of(one.name)]
    return found


def _planned(state: NetworkState, link: Link, around: Surroundings) -> HostLink:
    is_bridge = link.kind == "bridge"
    return HostLink(
        name=link.name,
        kind=link.kind if link.kind in _MADE else "nic",
        mtu=link.mtu,
        addressing=Addressing() if link.master else addressing(state, link.name, around),
        master=link.master,
        isolated=link.is_isolated,
        stp=bool(link.stp),
        # without STP no port waits, whatever the delay is (br_make_forwarding, net/bridge/br_stp_if.c)
        forward_delay_s=round(link.forward_delay_s or 0) if is_bridge and link.stp else None,
        vlan_filtering=bool(link.vlan_filtering),
        lower=link.lower if link.kind in _MADE else "",
        vlan_id=link.vlan_id,
        mode=link.mode,
    )


def addressing(state: NetworkState, name: str, around: Surroundings) -> Addressing:
    """Return addresses and routes that a link was given, apart from those it gave itself."""
    own = [address for address in state.addresses_of(name) if address.scope == "global"]
    own.sort(key=lambda address: ":" in address.address)
    routes = [
        r for r in state.routes if r.link == name and r.protocol not in _BY_ITSELF and r.kind == "unicast"
    ]
    gateways = {r.family: r.gateway for r in reversed(routes) if r.destination == "default" and r.gateway}
    others = {
        (r.destination, r.gateway): None
        for r in routes
        if r.destination != "default" and not _is_own(r.destination)
    }
    return Addressing(
        addresses=tuple(address.cidr for address in own if not address.is_dynamic),
        gateways=tuple(gateways[version] for version in sorted(gateways)),
        routes=tuple(StaticRoute(destination=d, gateway=g) for d, g in others),
        dhcp=any(address.is_dynamic and ":" not in address.address for address in own),
        accept_ra=any(address.is_dynamic and ":" in address.address for address in own),
        ipv6=name not in around.without_ipv6,
    )


def _is_own(destination: str) -> bool:
    network = ip_interface(destination)
    return network.is_link_local or network.is_multicast


def _is_needed(link: HostLink, links: Collection[HostLink]) -> bool:
    """Tell whether a link has to be mentioned: a card with addresses, which is left as it is, need not."""
    has_use = bool(link.master) or any(other.lower == link.name for other in links)
    return link.kind != "nic" or has_use or link.has_unusual_mtu or link.addressing.is_empty


def _order(found: dict[str, Link], link: HostLink) -> tuple[int, bool, str]:
    depth, below = 0, link.lower
    while below:
        depth, below = depth + 1, found[below].lower if below in found else ""
    return depth, link.kind != "bridge", link.name
