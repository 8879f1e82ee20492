"""Checks that several descriptions share."""

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network, ip_interface, ip_network

from kvmlab.errors import SpecError

#: Longest interface name in characters: IFNAMSIZ less the closing NUL (linux/if.h).
LINK_NAME_LIMIT = 15
#: Largest MTU of a tap and a bridge in bytes (ETH_MAX_MTU, linux/if_ether.h).
MTU_LIMIT = 65535
PORT_LIMIT = 65535
VLAN_LIMIT = 4094
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LINK_NAME = re.compile(r"[^\s/:]+")
_DNS_DOMAIN = re.compile(rf"{_HOST_NAME.pattern}(\.{_HOST_NAME.pattern})*")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def check_name(kind: str, name: str) -> None:
    """Refuse a name that is no host name label (RFC 1123, section 2.1)."""
    if not _HOST_NAME.fullmatch(name):
        raise SpecError(
            f"{kind} name {name!r} is not allowed",
            hint="use 1 to 63 lower-case letters, digits and hyphens, such as 'vm1'",
        )


def check_dns_domain(what: str, domain: str) -> None:
    """Refuse what is no DNS domain (RFC 1035, section 2.3.1)."""
    if not _DNS_DOMAIN.fullmatch(domain) or len(domain) > 253:
        raise SpecError(f"{what}: {domain!r} is no DNS domain", hint="write it as in 'blue.example'")


def check_link_name(what: str, name: str, *, hint: str) -> None:
    """Refuse a name that the kernel does not take for a link."""
    if len(name) > LINK_NAME_LIMIT:
        raise SpecError(f"{what} {name!r} is {len(name)} characters long", hint=hint)
    if not _LINK_NAME.fullmatch(name) or name in {".", ".."}:
        raise SpecError(
            f"{what} {name!r} is not a name that the kernel takes", hint="use letters, digits, hyphens"
        )


def check_mac(mac: str) -> None:
    """Refuse what is no unicast MAC address.

    Source: IEEE 802, section 8.2: the lowest bit of the first octet marks a group address.
    """
    if not _MAC.fullmatch(mac.lower()):
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


def check_ipv4(address: str) -> IPv4Address:
    """Return the address, or refuse what is none."""
    try:
        return IPv4Address(address)
    except AddressValueError as error:
        raise SpecError(
            f"address {address!r} is no IPv4 address: {error}", hint="write it as in '192.168.50.10'"
        ) from error


def check_interface_address(address: str) -> None:
    """Refuse what is no address with prefix length."""
    try:
        ip_interface(address)
    except ValueError as error:
        raise SpecError(f"address {address!r}: {error}", hint="write it as in '192.168.60.11/24'") from error
    if "/" not in address:
        raise SpecError(f"address {address!r} has no prefix length", hint=f"such as '{address}/24'")


def check_vlan_id(number: int) -> None:
    """Refuse what is no VLAN (IEEE 802.1Q, table 9-2: 12 bits; 0 is none, 4095 is reserved)."""
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= VLAN_LIMIT:
        raise SpecError(f"VLAN {number!r} is impossible", hint=f"1 to {VLAN_LIMIT}")


def check_vlans(what: str, numbers: Sequence[int]) -> None:
    """Refuse VLANs of a port of which one is impossible or named twice."""
    for number in numbers:
        check_vlan_id(number)
        if numbers.count(number) > 1:
            raise SpecError(f"{what}: VLAN {number} is named twice", hint="once is enough")


def check_port(port: int) -> None:
    """Refuse what is no port of TCP or UDP (RFC 9293, RFC 768: 16 bits; 0 is reserved)."""
    if not isinstance(port, int) or not 1 <= port <= PORT_LIMIT:
        raise SpecError(f"port {port} is impossible", hint=f"1 to {PORT_LIMIT}")


def check_transport(protocol: str) -> None:
    """Refuse a protocol without ports."""
    if protocol not in ("tcp", "udp"):
        raise SpecError(f"protocol {protocol!r} has no ports that are forwarded", hint="tcp or udp")


def check_mtu(what: str, mtu: int, *, minimum: int = 68) -> None:
    """Refuse an MTU that no link can have (RFC 791: 68; RFC 8200: 1280 with IPv6)."""
    check_minimum(f"{what}: MTU", mtu, minimum, unit=" bytes", hint="the least that IP works with")
    if mtu > MTU_LIMIT:
        raise SpecError(f"{what}: MTU of {mtu} bytes is too large", hint=f"at most {MTU_LIMIT} bytes")


def check_subnet(what: str, subnet: str, *, version: int) -> IPv4Network | IPv6Network:
    """Return the subnet, or refuse what is none, of the other version or for another purpose."""
    try:
        parsed = ip_network(subnet)
    except ValueError as error:
        raise SpecError(f"{what}: {error}", hint=_right_subnet(subnet)) from error
    if parsed.version != version:
        name = "subnet6" if parsed.version == 6 else "subnet"
        raise SpecError(
            f"{what}: {subnet!r} is no IPv{version} subnet", hint=f"use {name} for IPv{parsed.version}"
        )
    if (
        parsed.is_multicast
        or parsed.is_loopback
        or parsed.is_link_local
        or parsed.network_address.is_unspecified
    ):
        raise SpecError(
            f"{what}: {subnet!r} is not for networks of hosts",
            hint="use a private one, such as 192.168.50.0/24 (RFC 1918) or fd00:50::/64 (RFC 4193)",
        )
    return parsed


def _right_subnet(subnet: str) -> str:
    try:
        return f"did you mean {ip_network(subnet, strict=False)}?"
    except ValueError:
        return "write it as in 192.168.50.0/24"
