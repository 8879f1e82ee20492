"""What is to be expected over IPv6, where it differs from IPv4.

Two things differ. There is no translation where there are addresses enough:
the provider routes a whole prefix to the LAN (RFC 8415, section 6.3), whose
router forwards without a filter, so that whoever has such an address is
reached from the internet. And every link has addresses of its own (RFC 4291,
section 2.5.6), also where nobody gives out any.
"""

from collections.abc import Mapping

from kvmlab.reach import slirp
from kvmlab.reach.expectation import Expectation, Mode, no, yes

#: Modes in which nobody advertises a prefix: guests have addresses of their link only.
LINK_LOCAL = frozenset({"private", "sockets", "vlan"})

_GLOBAL = "The guest has a global address, to which the provider routes (RFC 8415); the router has no filter."
_STATION = "The LAN's router forwards; nothing is translated, since the address is a global one."
_UNIQUE_LOCAL = "The internet has no route to a unique local address (RFC 4193)."
_STATIC = "The LAN's router has a static route to the subnet."
_NO_WAY = "A link-local address says nothing to who is on another link (RFC 4291, section 2.5.6)."
_SWITCHED_OFF = "libvirt switches IPv6 off on a bridge that has no IPv6 address (formatnetwork, 'ipv6')."
_NO_ROUTE = "The guest has a link-local address and no route to any other (RFC 4291, section 2.5.6)."
_NOT_SENT = "The host does not forward, and advertises no default route (RFC 4861, section 4.2)."
_NO_ECHO = "SLIRP answers echo requests for its own addresses, and passes none on (libslirp, ip6_icmp.c)."
_ECHO = "" if slirp.passes_echo6(slirp.version()) else _NO_ECHO
_SOCKETS_OF_HOST = "A process of the host opens the connection on the guest's behalf (QEMU, 'user mode')."
_SITE_LOCAL = "The guest's prefix, fec0::/64, exists inside QEMU only (QEMU, invocation, 'ipv6-net')."

_HOST_ONLY = {
    ("guest", "pc"): no(_NOT_SENT),
    ("guest", "internet"): no(_NOT_SENT),
    ("internet", "guest"): no(_UNIQUE_LOCAL),
}
_IN_LAN = {("guest", "internet"): yes(_STATION), ("internet", "guest"): yes(_GLOBAL)}
_BEHIND_HOST = {
    ("guest", "internet"): yes("The host and the LAN's router forward; nothing is translated."),
    ("internet", "guest"): yes(f"{_GLOBAL} {_STATIC}"),
}

_NO_HOST = {("host", "guest"): no(_SWITCHED_OFF)}

_DIFFERENCES: Mapping[str, Mapping[tuple[str, str], Expectation]] = {
    "bridged": _IN_LAN,
    "direct-bridge": _IN_LAN,
    "direct-vepa": _IN_LAN,
    "direct-private": _IN_LAN,
    "direct-passthrough": _IN_LAN,
    "nat": {
        ("guest", "pc"): yes("The host translates IPv6, too (formatnetwork, 'nat ipv6')."),
        ("guest", "internet"): yes("The host translates to its global address (formatnetwork, 'nat ipv6')."),
        ("internet", "guest"): no(_UNIQUE_LOCAL),
    },
    "host-only": _HOST_ONLY,
    "isolated-ports": _HOST_ONLY,
    "private": _NO_HOST,
    "vlan": _NO_HOST,
    "routed": _BEHIND_HOST,
    "open": _BEHIND_HOST,
    "user": {
        ("guest", "host"): yes("fec0::2 stands for the host (QEMU, invocation, 'ipv6-host')."),
        ("host", "guest"): no(_SITE_LOCAL),
        ("guest", "pc"): yes(_SOCKETS_OF_HOST, no_ping=_ECHO),
        ("pc", "guest"): no(_SITE_LOCAL),
        ("guest", "internet"): yes(_SOCKETS_OF_HOST, no_ping=_ECHO),
        ("internet", "guest"): no(_SITE_LOCAL),
    },
}


def of(mode: str, ipv4: Mode) -> Mode:
    """Return what is to be expected of a mode over IPv6, given what is over IPv4."""
    rest = {path: _link_local(*path) for path in ipv4 if mode in LINK_LOCAL and path != ("guest", "guest")}
    return {**ipv4, **rest, **_DIFFERENCES.get(mode, {})}


def _link_local(source: str, target: str) -> Expectation:
    return no(_NO_ROUTE if source == "guest" else _NO_WAY)
