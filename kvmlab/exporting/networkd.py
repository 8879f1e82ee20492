"""The host's part with systemd-networkd: files in /etc/systemd/network."""

from collections.abc import Iterable, Iterator, Sequence

from kvmlab.commands import Command
from kvmlab.exporting.plan import FORWARDING_FILE, HostLink, HostPlan, forwarding_text
from kvmlab.exporting.recipe import Recipe

FOLDER = "/etc/systemd/network"
_ABOVE = {"vlan": "VLAN", "macvlan": "MACVLAN"}

#: Keys and values of a section; a key may occur several times, and so may a section.
_Lines = Sequence[tuple[str, str]]


def recipe(plan: HostPlan) -> Recipe:
    """Return the files; their words are those of systemd.netdev(5) and systemd.network(5).

    Parameters
    ----------
    plan
        What the host needs.
    """
    files = {f"{FOLDER}/10-{link.name}.netdev": _text(_netdev(link)) for link in plan.made}
    files |= {f"{FOLDER}/20-{link.name}.network": _text(_network(plan, link)) for link in plan.links}
    commands = []
    if files:
        argv = ("systemctl", "restart", "systemd-networkd")
        commands.append(Command(argv, "Read the files and follow them"))
    if plan.forwarding:
        files[FORWARDING_FILE] = forwarding_text(plan)
        commands.append(Command(("sysctl", "--load", FORWARDING_FILE), "The host becomes a router"))
    return Recipe(
        tool="systemd-networkd", files=files, commands=tuple(commands), remarks=tuple(_remarks(plan))
    )


def _text(sections: Iterable[tuple[str, _Lines]]) -> str:
    """Return a file; sections without lines are left out."""
    parts = ([f"[{name}]", *(f"{key}={value}" for key, value in lines)] for name, lines in sections if lines)
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _netdev(link: HostLink) -> Iterator[tuple[str, _Lines]]:
    yield "NetDev", [("Name", link.name), ("Kind", link.kind)]
    if link.kind == "bridge":
        delay = [("ForwardDelaySec", str(link.forward_delay_s))] if link.stp else []
        filtering = [("VLANFiltering", "yes")] if link.vlan_filtering else []
        yield "Bridge", [("STP", _yes(is_true=link.stp)), *delay, *filtering]
    elif link.kind == "vlan":
        yield "VLAN", [("Id", str(link.vlan_id))]
    elif link.kind == "macvlan":
        yield "MACVLAN", [("Mode", link.mode)]


def _network(plan: HostPlan, link: HostLink) -> Iterator[tuple[str, _Lines]]:
    yield "Match", [("Name", link.name)]
    is_lonely = link.kind == "bridge" and not plan.ports(link.name)
    settings = [("MTUBytes", str(link.mtu))] if link.has_unusual_mtu else []
    # the boot shall not wait for a bridge that has no cable
    yield "Link", settings + ([("RequiredForOnline", "no")] if is_lonely else [])
    network = [("Bridge", link.master)] if link.master else list(_addresses(link))
    network += [(_ABOVE[above.kind], above.name) for above in plan.above(link.name)]
    # without a guest it has no carrier, and without this no address
    yield "Network", network + ([("ConfigureWithoutCarrier", "yes")] if is_lonely else [])
    for route in link.addressing.routes:
        way = ("Gateway", route.gateway) if route.gateway else ("Scope", "link")
        yield "Route", [("Destination", route.destination), way]
    yield "Bridge", [("Isolated", "yes")] if link.isolated else []


def _addresses(link: HostLink) -> Iterator[tuple[str, str]]:
    own = link.addressing
    if own.dhcp:
        yield "DHCP", "ipv4"
    yield from (("Address", address) for address in own.addresses)
    yield from (("Gateway", gateway) for gateway in own.gateways)
    yield "LinkLocalAddressing", "ipv6" if own.ipv6 else "no"
    yield "IPv6AcceptRA", _yes(is_true=own.accept_ra)


def _yes(*, is_true: bool) -> str:
    return "yes" if is_true else "no"


def _remarks(plan: HostPlan) -> Iterator[str]:
    if plan.links:
        yield "Of several files that match a link the first in sorted order counts: remove older ones for it."
    for link in plan.links:
        if link.vlan_filtering:
            yield f"Which VLANs the ports of {link.name} carry is not part of this: see [BridgeVLAN]."
    if plan.forwarding:
        yield "networkd's own word for forwarding changed with version 256: hence sysctl.d."
    if plan.glued:
        yield (
            "systemd-networkd cannot glue a tap to a macvlan: it has no words for filters. "
            "Use libvirt's <interface type='direct'>, or iproute2."
        )
