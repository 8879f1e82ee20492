"""Addresses that follow from names, so that a notebook prints the same each time."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from kvmlab.errors import SpecError
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.identity import mac_from
from kvmlab.spec.network import Reservation


def mac_for(lab: str, domain: str, index: int) -> str:
    """Return the MAC address of a domain's NIC.

    Examples
    --------
    >>> mac_for("nat", "vm1", 0)
    '52:54:00:48:7a:5a'
    """
    return mac_from(lab, domain, str(index))


def address_for(subnet: IPv4Network, mac: str, taken: Collection[str]) -> str:
    """Return the address of a NIC in a subnet: it follows from the MAC address.

    If another NIC has it, the next free one is taken.

    Parameters
    ----------
    subnet
        Of prefix length 30 or less; the host has its first address.
    mac
        MAC address of the NIC.
    taken
        Addresses that others have.

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


def reservations_for(
    new: DomainSpec, subnets: Mapping[str, IPv4Network], *, taken: Mapping[str, Collection[str]]
) -> list[tuple[str, Reservation]]:
    """Return the fixed addresses of a domain's NICs, each with the name of its network.

    Parameters
    ----------
    new
        The domain; each NIC has its MAC address.
    subnets
        Subnets of the networks that serve DHCP; NICs elsewhere get no reservation.
    taken
        Addresses that others have in each network.

    Raises
    ------
    SpecError
        If an address is taken, or a subnet is full.
    """
    used = {network: set(taken.get(network, ())) for network in subnets}
    found: list[tuple[str, Reservation]] = []
    for index, nic in enumerate(new.interfaces):
        if nic.network is None or nic.network not in subnets or nic.mac is None:
            continue
        if nic.address in used[nic.network]:
            raise SpecError(
                f"domain {new.name!r}: address {nic.address} is taken in network {nic.network!r}",
                hint="leave address out and kvmlab chooses one",
            )
        address = nic.address or address_for(subnets[nic.network], nic.mac, used[nic.network])
        used[nic.network].add(address)
        # libvirt takes a host name once per network
        is_first = all(network != nic.network for network, _ in found)
        name = new.name if is_first else f"{new.name}-nic{index}"
        found.append((nic.network, Reservation(mac=nic.mac, name=name, address=address)))
    return found
