"""Addresses that follow from names, so that a notebook prints the same each time."""

from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Network

from kvmlab.errors import SpecError
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.identity import mac_from
from kvmlab.spec.reservation import Reservation


def mac_for(lab: str, domain: str, index: int) -> str:
    """Return the MAC address of a domain's NIC.

    Examples
    --------
    >>> mac_for("nat", "vm1", 0)
    '52:54:00:48:7a:5a'
    """
    return mac_from(lab, domain, str(index))


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
    """Return the fixed addresses that a domain's NICs ask for, each with the name of its network.

    NICs without ``address`` need none: dnsmasq chooses by a hash of the MAC
    address, which follows from the names (dnsmasq(8), ``--dhcp-sequential-ip``),
    and a reservation makes libvirt write all its firewall rules anew, some
    tenths of a second for each.

    Parameters
    ----------
    new
        The domain; each NIC has its MAC address.
    subnets
        Subnets of the networks that serve DHCP.
    taken
        Addresses that others have in each network.

    Raises
    ------
    SpecError
        If an address is taken, or its network serves no DHCP.
    """
    found: list[tuple[str, Reservation]] = []
    for index, nic in enumerate(new.interfaces):
        if nic.network is None or nic.mac is None or nic.address is None:
            continue
        if nic.network not in subnets:
            raise SpecError(
                f"domain {new.name!r}: network {nic.network!r} serves no DHCP, so that "
                f"address {nic.address} cannot be reserved in it",
                hint="leave address out, and set it in the guest",
            )
        if nic.address in taken.get(nic.network, ()):
            raise SpecError(
                f"domain {new.name!r}: address {nic.address} is taken in network {nic.network!r}",
                hint="leave address out and dnsmasq chooses one",
            )
        # libvirt takes a host name once per network
        is_first = all(network != nic.network for network, _ in found)
        name = new.name if is_first else f"{new.name}-nic{index}"
        found.append((nic.network, Reservation(mac=nic.mac, name=name, address=nic.address)))
    return found
