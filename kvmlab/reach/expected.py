"""What libvirt's and the kernel's documentation say about each mode: pure data.

Sources: libvirt, "Network XML format" (formatnetwork, "Connectivity"),
"Firewall and network filtering" (firewall.html) and "Domain XML format"
(formatdomain, "Network interfaces"); ip-link(8) for macvlan; QEMU's
documentation, "Network emulation"; passt(1).
"""

from collections.abc import Mapping
from dataclasses import dataclass

#: The questions of the matrix, in the order in which they are shown.
PATHS = (
    ("host", "guest"),
    ("guest", "host"),
    ("guest", "guest"),
    ("guest", "pc"),
    ("pc", "guest"),
    ("guest", "internet"),
    ("internet", "guest"),
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is to be expected of one path.

    Attributes
    ----------
    reaches
        Whether packets come through, and their answers back.
    reason
        Why, in one sentence, with its source.
    """

    reaches: bool
    reason: str


def _yes(reason: str) -> Expectation:
    return Expectation(True, reason)  # noqa: FBT003


def _no(reason: str) -> Expectation:
    return Expectation(False, reason)  # noqa: FBT003


_LAN = "The bridge makes the guest a station of the LAN (formatnetwork, 'bridge')."
_MACVLAN = "The guest is a station of the LAN with its own MAC address (ip-link(8), macvlan)."
_SAME_BRIDGE = "Both taps are ports of one bridge."
_PRIVATE_ADDRESS = "The internet has no route to an RFC 1918 address; the LAN's router translates."
_ROUTER = "The LAN's router forwards and translates, as for every station."
_NO_NEIGHBOUR = "The link below hands no frame to its own host (ip-link(8), macvlan)."
_ISOLATED = "libvirt forwards nothing for an isolated network: reject (firewall.html)."
_ALONE = "The bridge has no address and no uplink: nothing but its ports (formatnetwork)."
_SOCKET = "Only the QEMU processes of the group are on this network (formatdomain, 'Multicast tunnel')."
_INWARD = "Nothing listens for the guest: connections come from inside only (QEMU, 'user mode')."
_OWN_NET = "Each guest has a network of its own (QEMU, 'user mode')."
_SOCKETS_OF_HOST = "A process of the host opens the connection on the guest's behalf (QEMU, 'user mode')."
_ROUTED = "The host routes, and libvirt's rules let it pass both ways (formatnetwork, 'route')."
_OPEN = "The host routes, and libvirt sets no rules (formatnetwork, 'open')."
_STATIC = "The LAN's router has a static route to the subnet."

Mode = Mapping[tuple[str, str], Expectation]


def _mode(*expectations: Expectation) -> Mode:
    return dict(zip(PATHS, expectations, strict=True))


def _routed(why: str) -> Mode:
    return _mode(
        _yes("The bridge is the host's own link into the subnet."),
        _yes("The guest's gateway is the host."),
        _yes(_SAME_BRIDGE),
        _yes(why),
        _yes(f"{_STATIC} {why}"),
        _yes(f"{why} The LAN's router translates."),
        _no(_PRIVATE_ADDRESS),
    )


def _direct(guest_to_guest: Expectation) -> Mode:
    return _mode(
        _no(_NO_NEIGHBOUR),
        _no(_NO_NEIGHBOUR),
        guest_to_guest,
        _yes(_MACVLAN),
        _yes(_MACVLAN),
        _yes(_ROUTER),
        _no(_PRIVATE_ADDRESS),
    )


#: Expectations for IPv4, by mode.
EXPECTED: Mapping[str, Mode] = {
    "bridged": _mode(
        _yes("The host's address is on the bridge, too."),
        _yes("The host's address is on the bridge, too."),
        _yes(_SAME_BRIDGE),
        _yes(_LAN),
        _yes(_LAN),
        _yes(_ROUTER),
        _no(_PRIVATE_ADDRESS),
    ),
    "nat": _mode(
        _yes("The bridge is the host's own link into the subnet."),
        _yes("The guest's gateway is the host."),
        _yes(_SAME_BRIDGE),
        _yes("The host translates the guest's address to its own (formatnetwork, 'nat')."),
        _no("Nobody but the host knows the subnet, and new connections are rejected (firewall.html)."),
        _yes("The host translates, and so does the LAN's router."),
        _no(_PRIVATE_ADDRESS),
    ),
    "host-only": _mode(
        _yes("The bridge is the host's own link into the subnet."),
        _yes("The host has an address on the bridge."),
        _yes(_SAME_BRIDGE),
        _no(_ISOLATED),
        _no(_ISOLATED),
        _no(_ISOLATED),
        _no(_PRIVATE_ADDRESS),
    ),
    "private": _mode(
        _no(_ALONE), _no(_ALONE), _yes(_SAME_BRIDGE), _no(_ALONE), _no(_ALONE), _no(_ALONE), _no(_ALONE)
    ),
    "isolated-ports": _mode(
        _yes("The bridge itself is no isolated port."),
        _yes("The bridge itself is no isolated port."),
        _no("Isolated ports do not talk to each other (bridge(8), 'isolated')."),
        _no(_ISOLATED),
        _no(_ISOLATED),
        _no(_ISOLATED),
        _no(_PRIVATE_ADDRESS),
    ),
    "direct-bridge": _direct(_yes("In mode bridge, macvlans of one link are switched (ip-link(8)).")),
    "direct-vepa": _direct(
        _no("In mode vepa the switch would have to send the frame back where it came from (ip-link(8)).")
    ),
    "direct-private": _direct(
        _no("In mode private, macvlans of one link never talk to each other (ip-link(8)).")
    ),
    "routed": _routed(_ROUTED),
    "open": _routed(_OPEN),
    "user": _mode(
        _no(_INWARD),
        _yes("10.0.2.2 stands for the host (QEMU, 'user mode')."),
        _no(_OWN_NET),
        _yes(_SOCKETS_OF_HOST),
        _no(_INWARD),
        _yes(_SOCKETS_OF_HOST),
        _no(_INWARD),
    ),
    "sockets": _mode(
        _no(_SOCKET), _no(_SOCKET), _yes("Both QEMU processes are in the group."), *(_no(_SOCKET),) * 4
    ),
}
