"""What DHCP servers know of a guest: all there is to know of one without an agent."""

from collections.abc import Iterator

from kvmlab.virt import domain_xml, inventory
from kvmlab.virt.connection import Connection
from kvmlab.virt.network import Network


def without_lease(connection: Connection, xml: str) -> list[str]:
    """Return the MAC addresses of a domain that could have a lease and have none."""
    return [mac for network, mac in _served(connection, xml) if not _addresses(network, mac)]


def first_address(connection: Connection, xml: str) -> str:
    """Return the first leased address of a domain, without prefix length; empty if it has none."""
    leased = (address for network, mac in _served(connection, xml) for address in _addresses(network, mac))
    return next(leased, "")


def _addresses(network: Network, mac: str) -> list[str]:
    return [lease.address.split("/")[0] for lease in network.leases() if lease.mac == mac]


def _served(connection: Connection, xml: str) -> Iterator[tuple[Network, str]]:
    """Yield network and MAC address of each NIC that is in a network with DHCP."""
    networks = inventory.networks(connection)
    for name, mac in domain_xml.network_macs(xml):
        if name in networks and networks[name].dhcp_subnet is not None:
            yield Network(connection, name), mac
