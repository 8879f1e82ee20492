"""Direct mode by hand: a macvlan on the uplink, and a tap glued to it.

macvtap is both in one, but its character device ``/dev/tapN`` is made by
devtmpfs for the machine's root only. Where that is not to be had, a macvlan
carries the guest's MAC address and two filters pass every frame between it
and a tap (tc-mirred(8)). Who reaches whom is the same: macvtap is a macvlan.
"""

from dataclasses import dataclass

from kvmlab.commands.command import Command, Explanation
from kvmlab.spec import _checks
from kvmlab.spec.source import DIRECT_MODES, Direct, Tap

_ALL = ("u32", "match", "u32", "0", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class GluedTap:
    """A tap that stands for a macvtap.

    Parameters
    ----------
    name
        Name of the tap.
    direct
        The link below, and the mode.
    mac
        MAC address of the guest's NIC.
    macvlan
        Name of the macvlan; by default that of the tap with an ``m`` at the end.
    """

    name: str
    direct: Direct
    mac: str
    macvlan: str = ""

    def __post_init__(self) -> None:
        hint = f"at most {_checks.LINK_NAME_LIMIT - 1} characters"
        if not self.macvlan:
            object.__setattr__(self, "macvlan", f"{self.name}m")
        _checks.check_link_name("tap name", self.macvlan, hint=hint)
        _checks.check_mac(self.mac)

    @property
    def source(self) -> Tap:
        """What a NIC is plugged into."""
        return Tap(name=self.name)


def explain_glued_tap(tap: GluedTap) -> Explanation:
    """Return the commands that make macvlan and tap and glue them together.

    Notes
    -----
    ip-link(8), "MACVLAN and MACVTAP"; tc-u32(8), tc-mirred(8).
    """
    commands = [
        _macvlan(tap),
        Command(("ip", "tuntap", "add", "dev", tap.name, "mode", "tap"), "The tap that QEMU opens"),
        *(
            Command(
                ("sysctl", "--write", f"net/ipv6/conf/{link}/disable_ipv6=1"),
                "Addresses are the guest's alone",
            )
            for link in (tap.macvlan, tap.name)
        ),
        Command(
            ("ip", "link", "set", "dev", tap.macvlan, "allmulticast", "on"),
            "Take frames to all groups: which ones the guest listens to, the macvlan is not told",
        ),
        Command(("ip", "link", "set", "dev", tap.macvlan, "up"), "Switch on the one …"),
        Command(("ip", "link", "set", "dev", tap.name, "up"), "… and the other"),
    ]
    if tap.direct.mode == "passthrough":
        address = ("ip", "link", "set", "dev", tap.macvlan, "address", tap.mac)
        commands.append(Command(address, f"{tap.direct.dev} itself gets the guest's MAC address"))
    for one, other in ((tap.macvlan, tap.name), (tap.name, tap.macvlan)):
        commands.append(
            Command(
                ("tc", "qdisc", "add", "dev", one, "ingress"), f"What comes in on {one} can be filtered now"
            )
        )
        redirect = (*_ALL, "action", "mirred", "egress", "redirect", "dev", other)
        line = ("tc", "filter", "add", "dev", one, "parent", "ffff:", "protocol", "all", *redirect)
        commands.append(Command(line, f"Every frame goes out of {other}"))
    return Explanation(f"Direct mode on {tap.direct.dev} with a macvlan and a tap", tuple(commands))


def _macvlan(tap: GluedTap) -> Command:
    mode = DIRECT_MODES[tap.direct.mode]
    start = ("ip", "link", "add", "link", tap.direct.dev, "name", tap.macvlan)
    kind = ("type", "macvlan", "mode", mode)
    if tap.direct.mode == "passthrough":  # it has the MAC address of the link below, whatever is asked for
        return Command((*start, *kind), f"The guest has {tap.direct.dev} for itself: mode {mode}")
    about = f"A second MAC address on {tap.direct.dev}: the guest's, in mode {mode}"
    return Command((*start, "address", tap.mac, *kind), about)


def explain_glued_tap_end(tap: GluedTap) -> Explanation:
    """Return the commands that take macvlan and tap away; the filters go with them."""
    links = ((tap.name, "tap"), (tap.macvlan, "macvlan"))
    commands = tuple(
        Command(("ip", "link", "delete", "dev", link), f"Remove the {kind}") for link, kind in links
    )
    return Explanation(f"End of direct mode on {tap.direct.dev}", commands)


def explain_host_macvlan(dev: str, *, name: str, address: str) -> Explanation:
    """Return the commands that let a host reach its own guests in direct mode.

    The link below passes no frame back to the host, but a macvlan of the
    host's own is a neighbour of the guests'.

    Parameters
    ----------
    dev
        The link that the guests sit on.
    name
        Name of the host's macvlan.
    address
        A second address of the host, with prefix length ``/32``.
    """
    return Explanation(
        f"The host as a neighbour of its guests on {dev}",
        (
            Command(
                ("ip", "link", "add", "link", dev, "name", name, "type", "macvlan", "mode", "bridge"),
                "A macvlan for the host itself",
            ),
            Command(
                ("ip", "address", "add", address, "dev", name), "An address, to be told from the uplink's"
            ),
            Command(("ip", "link", "set", "dev", name, "up"), "Switch it on"),
        ),
    )
