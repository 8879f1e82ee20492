"""Addresses that follow from names, so that a notebook prints the same each time."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from kvmlab.errors import SpecError
from kvmlab.spec.domain import DomainSpec

#: Prefix of QEMU's and libvirt's MAC addresses (locally administered).
MAC_PREFIX = "52:54:00"


def mac_for(lab: str, domain: str, index: int) -> str:
    """Return the MAC address of a domain's NIC.

    Examples
    --------
    >>> mac_for("nat", "vm1", 0)
    '52:54:00:48:7a:5a'
    """
    digest = hashlib.sha256(f"{lab}/{domain}/{index}".encode()).hexdigest()
    return f"{MAC_PREFIX}:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"


def address_for(subnet: IPv4Network, mac: str, taken: Collection[str]) -> str:
    """Return the address of a NIC in a subnet: it follows from the MAC address.

    If another NIC has it, the next free one is taken.

    Raises
    ------
    SpecError
        If the subnet is full.
    """
    first, count = 2, subnet.num_addresses - 3  # without network, host and broadcast
    start = int(hashlib.sha256(mac.encode()).hexdigest(), 16) % count
    for step in range(count):
        address = str(IPv4Address(int(subnet.network_address) + first + (start + step) % count))
        if address not in taken:
            return address
    raise SpecError(f"subnet {subnet} has no free address", hint="undefine a domain, or use a larger subnet")


def check_macs(new: DomainSpec, present: Mapping[str, Sequence[str]]) -> None:
    """Refuse a MAC address that another domain has.

    Raises
    ------
    SpecError
        Naming both domains.
    """
    for interface in new.interfaces:
        for name, macs in present.items():
            if interface.mac is not None and interface.mac in macs:
                raise SpecError(
                    f"domain {new.name!r}: MAC address {interface.mac} belongs to domain {name!r}",
                    hint="leave mac out and kvmlab chooses one",
                )
