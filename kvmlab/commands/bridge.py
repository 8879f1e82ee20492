"""A bridge on the host's uplink, by hand: what bridged mode is made of."""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmlab.commands.command import Command, Explanation
from kvmlab.host.links import Route
from kvmlab.spec.bridge import BridgeSpec


@dataclass(frozen=True, slots=True)
class UplinkState:
    """What moves from an uplink to its bridge and back.

    Attributes
    ----------
    addresses
        With prefix length.
    routes
        Routes through the uplink that somebody made, IPv4 and IPv6: the
        kernel takes them away with the last address.
    """

    addresses: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()


def explain_bridge(spec: BridgeSpec, uplink: UplinkState) -> Explanation:
    """Return the commands that make the bridge and move the uplink's addresses to it.

    Parameters
    ----------
    spec
        The bridge.
    uplink
        What the uplink has at the moment.

    Notes
    -----
    ip-link(8), "bridge". An address on a bridge port is of no use: the host
    answers on the bridge, not on its ports.
    """
    name = spec.name
    delay = str(100 * spec.forward_delay_s)  # hundredths of a second (USER_HZ)
    stp = "1" if spec.stp else "0"
    add = ("ip", "link", "add", "name", name, "type", "bridge", "stp_state", stp, "forward_delay", delay)
    commands = [
        Command(add, "Make a bridge: a switch in the kernel"),
        Command(("ip", "link", "set", "dev", name, "up"), "Switch it on"),
    ]
    if spec.uplink is not None:
        enslave = ("ip", "link", "set", "dev", spec.uplink, "master", name)
        commands.append(Command(enslave, "Make the uplink a port of it"))
        commands += _move(spec.uplink, name, uplink)
        commands.append(
            Command(
                ("bridge", "link", "show"), "Show the ports and their states: frames pass when forwarding"
            )
        )
    return Explanation(f"Bridge {name}" + (f" on {spec.uplink}" if spec.uplink else ""), tuple(commands))


def explain_bridge_end(spec: BridgeSpec, uplink: UplinkState) -> Explanation:
    """Return the commands that take the bridge away and give the uplink back what it had."""
    commands: list[Command] = []
    if spec.uplink is not None:
        leave = ("ip", "link", "set", "dev", spec.uplink, "nomaster")
        commands.append(Command(leave, "Take the uplink out of the bridge"))
        commands += _move(spec.name, spec.uplink, uplink)
    delete = ("ip", "link", "delete", "dev", spec.name, "type", "bridge")
    commands.append(Command(delete, "Remove the bridge"))
    return Explanation(f"End of bridge {spec.name}", tuple(commands))


def _move(old: str, new: str, state: UplinkState) -> Iterator[Command]:
    """Yield the commands that move addresses and routes from one link to another."""
    for address in state.addresses:
        remove = ("ip", "address", "delete", address, "dev", old)
        yield Command(remove, f"The address moves from {old} …")
        add = ["ip", "address", "add", address, "dev", new]
        add += ["nodad"] if ":" in address else ["broadcast", "+"]
        yield Command(tuple(add), f"… to {new}")
    for route in sorted(state.routes, key=lambda route: bool(route.gateway)):  # first where gateways are
        name = "The default route" if route.destination == "default" else "A route"
        yield Command(_replace(route, new), f"{name}, which went with the address, comes back")


def _replace(route: Route, link: str) -> tuple[str, ...]:
    family = ("-6",) if route.family == 6 else ()
    via = ("via", route.gateway) if route.gateway else ()
    usual = {4: 0, 6: 1024}[route.family]  # ip-route(8): IPv6 has a metric in any case
    metric = ("metric", str(route.metric)) if route.metric != usual else ()
    protocol = ("proto", route.protocol) if route.protocol not in ("", "boot") else ()
    return ("ip", *family, "route", "replace", route.destination, *via, "dev", link, *metric, *protocol)
