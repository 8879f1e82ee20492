"""What DHCP servers know of a guest: all there is to know of one without an agent."""

from kvmlab.virt import domain_xml, inventory
from kvmlab.virt.connection import Connection
from kvmlab.virt.network import Network


def leased(connection: Connection, xml: str) -> dict[str, tuple[str, ...]]:
    """Return the addresses that each NIC of a domain got, by MAC address.

    Parameters
    ----------
    connection
        Libvirt that has the domain.
    xml
        XML of the domain.

    Returns
    -------
    dict
        Only NICs in a libvirt network that serves DHCP; addresses have their prefix length.
    """
    networks = inventory.networks(connection)
    found = {}
    for name, mac in domain_xml.network_macs(xml):
        if name in networks and networks[name].dhcp_subnet is not None:
            leases = Network(connection, name).leases()
            found[mac] = tuple(lease.address for lease in leases if lease.mac == mac)
    return found
