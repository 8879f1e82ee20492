"""Checks that several descriptions share."""

import re

from kvmlab.errors import SpecError

#: Longest interface name in characters: IFNAMSIZ less the closing NUL (linux/if.h).
LINK_NAME_LIMIT = 15
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LINK_NAME = re.compile(r"[^\s/:]+")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def check_name(kind: str, name: str) -> None:
    """Refuse a name that is no host name label (RFC 1123, section 2.1)."""
    if not _HOST_NAME.fullmatch(name):
        raise SpecError(
            f"{kind} name {name!r} is not allowed",
            hint="use 1 to 63 lower-case letters, digits and hyphens, such as 'vm1'",
        )


def check_link_name(what: str, name: str, *, hint: str) -> None:
    """Refuse a name that the kernel does not take for a link."""
    if len(name) > LINK_NAME_LIMIT:
        raise SpecError(f"{what} {name!r} is {len(name)} characters long", hint=hint)
    if not _LINK_NAME.fullmatch(name) or name in {".", ".."}:
        raise SpecError(
            f"{what} {name!r} is not a name that the kernel takes", hint="use letters, digits, hyphens"
        )


def check_mac(mac: str) -> None:
    """Refuse what is no unicast MAC address in libvirt's spelling.

    Source: IEEE 802, section 8.2: the lowest bit of the first octet marks a group address.
    """
    if not _MAC.fullmatch(mac):
        raise SpecError(
            f"MAC address {mac!r} is malformed", hint="write six octets as in '52:54:00:12:34:56'"
        )
    if int(mac[:2], 16) & 1:
        raise SpecError(
            f"MAC address {mac!r} is a multicast address",
            hint="the first octet must be even; QEMU's own prefix is 52:54:00",
        )
    if mac == "00:00:00:00:00:00":
        raise SpecError(f"MAC address {mac!r} is all zero", hint="leave mac out and kvmlab chooses one")


def check_minimum(what: str, value: int, minimum: int, *, unit: str = "", hint: str) -> None:
    """Refuse a number that is too small, and what is no whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpecError(f"{what} {value!r} is no whole number", hint=hint)
    if value < minimum:
        raise SpecError(f"{what} of {value}{unit} is too small", hint=f"at least {minimum}{unit}: {hint}")
