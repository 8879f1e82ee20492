"""The host's part with NetworkManager: one profile per link, made with nmcli."""

from collections.abc import Iterator

from kvmlab.commands import Command
from kvmlab.exporting.plan import FORWARDING_FILE, HostLink, HostPlan, forwarding_text
from kvmlab.exporting.recipe import Recipe

_TYPES = {"nic": "ethernet", "bridge": "bridge", "vlan": "vlan", "macvlan": "macvlan", "tap": "tun"}


def recipe(plan: HostPlan) -> Recipe:
    """Return the commands of nmcli(1); the words of profiles are those of nm-settings-nmcli(5).

    Parameters
    ----------
    plan
        What the host needs.
    """
    links = [link for link in plan.links if _needs_profile(link)]
    added = (Command(_add(link), _comment(link)) for link in links)
    up = (
        Command(
            ("nmcli", "connection", "up", profile(link)),
            f"Switch {link.name} on; its profile does so at boot",
        )
        for link in links
    )
    return Recipe(
        tool="NetworkManager",
        commands=(*added, *up, *_forwarding(plan)),
        remarks=tuple(_remarks(plan)),
    )


def _needs_profile(link: HostLink) -> bool:
    """Tell whether a link needs one: a card with addresses has one, and keeps it."""
    return link.kind != "nic" or bool(link.master) or link.has_unusual_mtu or link.addressing.is_empty


def profile(link: HostLink) -> str:
    """Return the name of a link's profile."""
    return f"{link.master}-port-{link.name}" if link.master else link.name


def _comment(link: HostLink) -> str:
    if link.master:
        return f"{link.name} becomes a port of {link.master}; this profile goes before others of {link.name}"
    return {
        "nic": f"What {link.name} needs",
        "bridge": "A bridge: a switch in the kernel",
        "vlan": f"Frames with tag {link.vlan_id} on {link.lower}",
        "macvlan": f"A second MAC address on {link.lower}",
        "tap": "A tap that QEMU opens",
    }[link.kind]


def _add(link: HostLink) -> tuple[str, ...]:
    name = profile(link)
    argv = ["nmcli", "connection", "add", "type", _TYPES[link.kind], "con-name", name, "ifname", link.name]
    argv += _own_words(link)
    if link.has_unusual_mtu and link.kind != "tap":
        argv += ["802-3-ethernet.mtu", str(link.mtu)]
    if link.kind == "nic":
        # at boot the profile with the highest number wins; by itself each has 0
        argv += ["connection.autoconnect-priority", "1"]
    if link.master:
        return (*argv, "connection.master", link.master, "connection.slave-type", "bridge")
    return (*argv, *_ipv4(link), *_ipv6(link))


def _own_words(link: HostLink) -> list[str]:
    if link.kind == "bridge":
        words = ["bridge.stp", "yes" if link.stp else "no"]
        words += ["bridge.forward-delay", str(link.forward_delay_s)] if link.stp else []
        return words + (["bridge.vlan-filtering", "yes"] if link.vlan_filtering else [])
    if link.kind == "vlan":
        return ["vlan.parent", link.lower, "vlan.id", str(link.vlan_id)]
    if link.kind == "macvlan":
        return ["macvlan.parent", link.lower, "macvlan.mode", link.mode]
    return ["tun.mode", "tap"] if link.kind == "tap" else []


def _ipv4(link: HostLink) -> Iterator[str]:
    own = link.addressing
    addresses = own.of(4)
    yield from ("ipv4.method", "auto" if own.dhcp else "manual" if addresses else "disabled")
    yield from _addresses(link, 4)


def _ipv6(link: HostLink) -> Iterator[str]:
    own = link.addressing
    method = "manual" if own.of(6) else "link-local"
    if own.accept_ra:
        method = "auto"
    yield from ("ipv6.method", method if own.ipv6 else "disabled")
    yield from _addresses(link, 6)


def _addresses(link: HostLink, version: int) -> Iterator[str]:
    own = link.addressing
    if addresses := own.of(version):
        yield from (f"ipv{version}.addresses", ",".join(addresses))
    if gateway := own.gateway(version):
        yield from (f"ipv{version}.gateway", gateway)
    routes = [f"{r.destination} {r.gateway}".strip() for r in own.routes if r.version == version]
    if routes:
        yield from (f"ipv{version}.routes", ",".join(routes))


def _forwarding(plan: HostPlan) -> Iterator[Command]:
    if plan.forwarding:
        yield Command(
            ("tee", FORWARDING_FILE), "The host becomes a router, at boot …", stdin=forwarding_text(plan)
        )
        yield Command(("sysctl", "--load", FORWARDING_FILE), "… and now")


def _remarks(plan: HostPlan) -> Iterator[str]:
    for link in plan.links:
        if link.isolated:
            yield (
                "NetworkManager has no word for an isolated port: let a script in "
                f"/etc/NetworkManager/dispatcher.d type: bridge link set dev {link.name} isolated on"
            )
        if link.kind == "tap" and link.has_unusual_mtu:
            yield f"NetworkManager sets no MTU on a tap: ip link set dev {link.name} mtu {link.mtu}."
        if link.vlan_filtering:
            yield f"Which VLANs the ports of {link.name} carry is not part of this: bridge-port.vlans."
    if plan.forwarding:
        yield "Forwarding is the kernel's business, not NetworkManager's: hence sysctl.d."
    if plan.glued:
        yield (
            "NetworkManager cannot glue a tap to a macvlan: it has no u32 filters. "
            "Use libvirt's <interface type='direct'>, or iproute2."
        )
