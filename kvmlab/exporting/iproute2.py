"""The host's part with iproute2: works at once, and is gone with the next boot."""

from collections.abc import Iterator

from kvmlab.commands import Command
from kvmlab.commands.direct import explain_glued_tap
from kvmlab.exporting.plan import FORWARDING_KEYS, HostLink, HostPlan, is_taken_from_uplink
from kvmlab.exporting.recipe import Recipe

_UNTIL_BOOT = "What ip(8) sets is gone with the next boot: one of the other tools makes it last."


def recipe(plan: HostPlan) -> Recipe:
    """Return the commands of ip(8), bridge(8), tc(8) and sysctl(8).

    Parameters
    ----------
    plan
        What the host needs.
    """
    commands = [
        *(command for link in plan.made for command in _make(link)),
        *(command for link in plan.links for command in _set_up(link)),
        *(_flush(link) for link in plan.links if link.kind == "nic" and link.master),
        *(command for link in plan.made for command in _address(plan, link)),
        *_forwarding(plan),
        *(command for tap in plan.glued for command in explain_glued_tap(tap).commands),
    ]
    return Recipe(tool="iproute2", commands=tuple(commands), remarks=tuple(_remarks(plan)))


def _make(link: HostLink) -> Iterator[Command]:
    if link.kind == "bridge":
        words = ["stp_state", "1" if link.stp else "0"]
        # hundredths of a second (USER_HZ); without STP no port waits
        words += ["forward_delay", str(100 * (link.forward_delay_s or 0))]
        words += ["vlan_filtering", "1"] if link.vlan_filtering else []
        argv = ["ip", "link", "add", "name", link.name, "type", "bridge", *words]
        yield Command(tuple(argv), "Make a bridge: a switch in the kernel")
    elif link.kind == "vlan":
        line = ("ip", "link", "add", "link", link.lower, "name", link.name, "type", "vlan")
        yield Command((*line, "id", str(link.vlan_id)), f"Frames with tag {link.vlan_id} on {link.lower}")
    elif link.kind == "macvlan":
        line = ("ip", "link", "add", "link", link.lower, "name", link.name, "type", "macvlan")
        yield Command((*line, "mode", link.mode), f"A second MAC address on {link.lower}")
    elif link.kind == "tap":
        yield Command(("ip", "tuntap", "add", "dev", link.name, "mode", "tap"), "A tap that QEMU opens")


def _set_up(link: HostLink) -> Iterator[Command]:
    if not link.addressing.ipv6 and link.kind != "nic":
        setting = f"net/ipv6/conf/{link.name}/disable_ipv6=1"
        yield Command(("sysctl", "--write", setting), f"No IPv6 on {link.name}")
    if link.master:
        port = ("ip", "link", "set", "dev", link.name, "master", link.master)
        yield Command(port, f"Make {link.name} a port of {link.master}")
    if link.isolated:
        argv = ("bridge", "link", "set", "dev", link.name, "isolated", "on")
        yield Command(argv, "It does not talk to other isolated ports")
    if link.has_unusual_mtu:
        yield Command(("ip", "link", "set", "dev", link.name, "mtu", str(link.mtu)), "Set its MTU")
    if link.kind != "nic" or link.master or link.addressing.is_empty:
        yield Command(("ip", "link", "set", "dev", link.name, "up"), f"Switch {link.name} on")


def _flush(link: HostLink) -> Command:
    argv = ("ip", "address", "flush", "dev", link.name, "scope", "global")
    return Command(argv, f"A port has no use for addresses: those of {link.name} go")


def _address(plan: HostPlan, link: HostLink) -> Iterator[Command]:
    where = "Its address is the host's" if is_taken_from_uplink(plan, link) else f"An address of {link.name}"
    for address in link.addressing.addresses:
        broadcast = () if ":" in address else ("broadcast", "+")
        yield Command(("ip", "address", "add", address, *broadcast, "dev", link.name), where)
    for gateway in link.addressing.gateways:
        argv = ("ip", *_family(gateway), "route", "replace", "default", "via", gateway, "dev", link.name)
        yield Command(argv, "The default route")
    for route in link.addressing.routes:
        via = ("via", route.gateway) if route.gateway else ()
        argv = ("ip", *_family(route.destination), "route", "replace", route.destination, *via)
        yield Command((*argv, "dev", link.name), f"The way to {route.destination}")


def _family(address: str) -> tuple[str, ...]:
    return ("-6",) if ":" in address else ()


def _forwarding(plan: HostPlan) -> Iterator[Command]:
    for version in plan.forwarding:
        setting = f"{FORWARDING_KEYS[version]}=1"
        yield Command(("sysctl", "--write", setting), f"The host becomes a router for IPv{version}")


def _remarks(plan: HostPlan) -> Iterator[str]:
    yield _UNTIL_BOOT
    for link in plan.made:
        if link.addressing.dhcp:
            yield f"ip(8) cannot ask a DHCP server: run a DHCP client on {link.name}, such as dhcpcd."
        if link.addressing.accept_ra:
            yield f"{link.name} gives itself an IPv6 address if its sysctl accept_ra allows it."
        if link.vlan_filtering:
            yield f"Which VLANs the ports of {link.name} carry is not part of this: bridge vlan add."
