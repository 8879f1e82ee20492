"""What libvirt's and the kernel's documentation say about each mode: pure data.

Sources: libvirt, "Network XML format" (formatnetwork, "Connectivity"),
"Firewall and network filtering" (firewall.html) and "Domain XML format"
(formatdomain, "Network interfaces"); ip-link(8) for macvlan and vlan;
bridge(8); QEMU's documentation, "Network emulation"; passt(1). IPv6 is in
:mod:`kvmlab.reach.expected6`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from kvmlab.reach import expected6
from kvmlab.reach.expectation import PATHS, Expectation, Mode, all_but, mode, no, yes
from kvmlab.reach.expected6 import LINK_LOCAL

__all__ = ["EXPECTED", "FAMILIES", "LINK_LOCAL", "PATHS"]

#: Families of addresses: IPv4 and IPv6.
FAMILIES = (4, 6)

_LAN = "The bridge makes the guest a station of the LAN (formatnetwork, 'bridge')."
_HOST_ON_BRIDGE = "The host's address is on the bridge, too."
_MACVLAN = "The guest is a station of the LAN with its own MAC address (ip-link(8), macvlan)."
_SAME_BRIDGE = "Both taps are ports of one bridge."
_HOSTS_LINK = "The bridge is the host's own link into the subnet."
_PRIVATE_ADDRESS = "The internet has no route to an RFC 1918 address; the LAN's router translates."
_ROUTER = "The LAN's router forwards and translates, as for every station."
_NO_NEIGHBOUR = "The link below hands no frame to its own host (ip-link(8), macvlan)."
_ISOLATED = "libvirt forwards nothing for an isolated network: reject (firewall.html)."
_ALONE = "The bridge has no address and no uplink: nothing but its ports (formatnetwork)."
_SOCKET = "Only the QEMU processes of the group are on this network (formatdomain, 'Multicast tunnel')."
_INWARD = "Nothing listens for the guest: connections come from inside only (QEMU, 'user mode')."
_OWN_NET = "Each guest has a network of its own (QEMU, 'user mode')."
_SOCKETS_OF_HOST = "A process of the host opens the connection on the guest's behalf (QEMU, 'user mode')."
_PASST_OUT = "passt opens a socket of the host's for each connection and each ping (passt(1))."
_PASST_IN = "passt listens only on ports that are forwarded, and nobody else knows the address (passt(1))."
_ROUTED = "The host routes, and libvirt's rules let it pass both ways (formatnetwork, 'route')."
_OPEN = "The host routes, and libvirt sets no rules (formatnetwork, 'open')."
_STATIC = "The LAN's router has a static route to the subnet."
_UNTAGGED = "Frames without a tag are not in VLAN 10, and only the guests' links are (IEEE 802.1Q)."
_SAME_TAG = "Both send frames with tag 10, which the bridge passes as they are (ip-link(8), vlan)."


def _routed(why: str) -> Mode:
    return mode(
        yes(_HOSTS_LINK),
        yes("The guest's gateway is the host."),
        yes(_SAME_BRIDGE),
        yes(why),
        yes(f"{_STATIC} {why}"),
        yes(f"{why} The LAN's router translates."),
        no(_PRIVATE_ADDRESS),
    )


def _direct(guest_to_guest: Expectation) -> Mode:
    return mode(
        no(_NO_NEIGHBOUR),
        no(_NO_NEIGHBOUR),
        guest_to_guest,
        yes(_MACVLAN),
        yes(_MACVLAN),
        yes(_ROUTER),
        no(_PRIVATE_ADDRESS),
    )


_PASSTHROUGH_HOST = "They are on different cards, so that the LAN's switch is between them."
_PASSTHROUGH_LAN = "The card is the guest's alone (formatdomain, 'passthrough')."
_ONLY_ONE = Expectation(None, "A card takes one guest in this mode (ip-link(8), passthru).")

#: Expectations for IPv4, by mode.
_IPV4: Mapping[str, Mode] = {
    "bridged": mode(
        yes(_HOST_ON_BRIDGE),
        yes(_HOST_ON_BRIDGE),
        yes(_SAME_BRIDGE),
        yes(_LAN),
        yes(_LAN),
        yes(_ROUTER),
        no(_PRIVATE_ADDRESS),
    ),
    "nat": mode(
        yes(_HOSTS_LINK),
        yes("The guest's gateway is the host."),
        yes(_SAME_BRIDGE),
        yes("The host translates the guest's address to its own (formatnetwork, 'nat')."),
        no("Nobody but the host knows the subnet, and new connections are rejected (firewall.html)."),
        yes("The host translates, and so does the LAN's router."),
        no(_PRIVATE_ADDRESS),
    ),
    "host-only": mode(
        yes(_HOSTS_LINK),
        yes("The host has an address on the bridge."),
        yes(_SAME_BRIDGE),
        no(_ISOLATED),
        no(_ISOLATED),
        no(_ISOLATED),
        no(_PRIVATE_ADDRESS),
    ),
    "private": all_but(no(_ALONE), guest_to_guest=yes(_SAME_BRIDGE)),
    "isolated-ports": mode(
        yes("The bridge itself is no isolated port."),
        yes("The bridge itself is no isolated port."),
        no("Isolated ports do not talk to each other (bridge(8), 'isolated')."),
        no(_ISOLATED),
        no(_ISOLATED),
        no(_ISOLATED),
        no(_PRIVATE_ADDRESS),
    ),
    "vlan": all_but(
        no(_UNTAGGED),
        guest_to_guest=yes(_SAME_TAG),
    ),
    "direct-bridge": _direct(yes("In mode bridge, macvlans of one link are switched (ip-link(8)).")),
    "direct-vepa": _direct(
        no("In mode vepa the switch would have to send the frame back where it came from (ip-link(8)).")
    ),
    "direct-private": _direct(
        no("In mode private, macvlans of one link never talk to each other (ip-link(8)).")
    ),
    "direct-passthrough": mode(
        yes(_PASSTHROUGH_HOST),
        yes(_PASSTHROUGH_HOST),
        _ONLY_ONE,
        yes(_PASSTHROUGH_LAN),
        yes(_PASSTHROUGH_LAN),
        yes(_ROUTER),
        no(_PRIVATE_ADDRESS),
    ),
    "routed": _routed(_ROUTED),
    "open": _routed(_OPEN),
    "user": mode(
        no(_INWARD),
        yes("10.0.2.2 stands for the host (QEMU, 'user mode')."),
        no(_OWN_NET),
        yes(_SOCKETS_OF_HOST),
        no(_INWARD),
        yes(_SOCKETS_OF_HOST),
        no(_INWARD),
    ),
    "user-passt": mode(
        no(_PASST_IN),
        yes("The gateway's address stands for the host (passt(1), --no-map-gw)."),
        no(_PASST_IN),
        yes(_PASST_OUT),
        no(_PASST_IN),
        yes(_PASST_OUT),
        no(_PASST_IN),
    ),
    "sockets": all_but(no(_SOCKET), guest_to_guest=yes("Both QEMU processes are in the group.")),
}

#: Expectations by mode and family of addresses.
EXPECTED: Mapping[str, Mapping[int, Mode]] = MappingProxyType(
    {name: {4: paths, 6: expected6.of(name, paths)} for name, paths in _IPV4.items()}
)
