"""A libvirt network and its leases."""

import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import libvirt

from kvmlab._repr import Table
from kvmlab.errors import InUseError, Timeout
from kvmlab.spec.reservation import Reservation
from kvmlab.virt import inventory
from kvmlab.virt.connection import Connection
from kvmlab.virt.inventory import Attachment


@dataclass(frozen=True, slots=True)
class Lease:
    """An address that a network's DHCP server gave out.

    Attributes
    ----------
    mac
        Who has it.
    address
        With prefix length.
    hostname
        Name that the client sent; empty if none.
    expires
        Local time at which it ends, ISO 8601.
    """

    mac: str
    address: str
    hostname: str
    expires: str


class Network:
    """A libvirt network; its verbs are libvirt's.

    Parameters
    ----------
    connection
        Libvirt that has it.
    name
        Its name.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {'active' if self.is_active else 'inactive'}, bridge {self.bridge!r})"

    @property
    def uri(self) -> str:
        """URI of the libvirt that has it."""
        return self._connection.uri

    @property
    def vir(self) -> Any:
        """The ``libvirt.virNetwork`` underneath."""
        with self._connection.translated(f"find network {self.name!r}") as vir:
            return vir.networkLookupByName(self.name)

    @property
    def is_active(self) -> bool:
        """Whether it is started."""
        with self._connection.translated(f"look at network {self.name!r}"):
            return bool(self.vir.isActive())

    @property
    def bridge(self) -> str:
        """Name of its bridge."""
        element = ET.fromstring(self.xml()).find("./bridge")
        return "" if element is None else element.get("name", "")

    @property
    def forward(self) -> str:
        """Its forward mode; empty for an isolated network."""
        element = ET.fromstring(self.xml()).find("./forward")
        return "" if element is None else element.get("mode", "nat")

    @property
    def subnets(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Subnets that the host has an address in through its bridge."""
        return inventory.network_facts(self.xml(), is_active=False).subnets

    @property
    def dhcp_subnet(self) -> IPv4Network | None:
        """The IPv4 subnet in which it gives out addresses; None without DHCP."""
        return inventory.network_facts(self.xml(), is_active=False).dhcp_subnet

    def xml(self) -> str:
        """Return its XML as libvirt has it; same as ``virsh net-dumpxml NAME``."""
        with self._connection.translated(f"read network {self.name!r}"):
            return str(self.vir.XMLDesc(0))

    def start(self) -> "Network":
        """Start it: now there is a bridge; same as ``virsh net-start NAME``.

        Raises
        ------
        LibvirtError
            If it is active already or libvirt cannot start it.
        """
        with self._connection.translated(f"start network {self.name!r}"):
            self.vir.create()
        return self

    def attached(self) -> Table[Attachment]:
        """Return the NICs of running guests that are plugged into it.

        Same as ``virsh net-port-list NAME``, with the names of the guests.
        """
        return Table(inventory.attachments(self._connection, self._facts()))

    def _facts(self) -> inventory.NetworkFacts:
        return inventory.network_facts(self.xml(), is_active=self.is_active)

    def destroy(self, *, force: bool = False) -> Table[Attachment]:
        """Stop it; same as ``virsh net-destroy NAME``.

        Parameters
        ----------
        force
            Also if guests are plugged into it, as libvirt itself does. They
            run on, but their taps are ports of nothing then, also after a new
            :meth:`start`: ``ip link set dev TAP master BRIDGE`` plugs one in again.

        Returns
        -------
        Table
            The NICs that lost their link.

        Raises
        ------
        InUseError
            If guests are plugged into it.
        LibvirtError
            If it is not active.
        """
        cut_off = self._cut_off("destroy", force=force)
        with self._connection.translated(f"destroy network {self.name!r}"):
            self.vir.destroy()
        return cut_off

    def undefine(self, *, force: bool = False) -> Table[Attachment]:
        """Forget it; same as ``virsh net-undefine NAME``.

        An active network goes on until it is destroyed.

        Parameters
        ----------
        force
            Also if guests are plugged into it.

        Returns
        -------
        Table
            The NICs that lose their link when it is destroyed.

        Raises
        ------
        InUseError
            If guests are plugged into it.
        """
        cut_off = self._cut_off("undefine", force=force)
        with self._connection.translated(f"undefine network {self.name!r}"):
            self.vir.undefine()
        return cut_off

    def _cut_off(self, verb: str, *, force: bool) -> Table[Attachment]:
        """Return who loses the link with the network's bridge; refuse if that is somebody."""
        facts = self._facts()
        # The bridge of mode "bridge" is the host's own, and stays.
        has_bridge = facts.is_active and facts.forward != "bridge"
        found = inventory.attachments(self._connection, facts) if has_bridge else []
        users = list(dict.fromkeys(nic.domain for nic in found))
        if users and not force:
            raise InUseError(
                f"cannot {verb} network {self.name!r}: plugged into it {'are' if users[1:] else 'is'} "
                + ", ".join(users),
                users=users,
                hint=f"destroy() the guests first; {verb}(force=True) cuts them off while they run",
            )
        return Table(found)

    def reserve(self, reservation: Reservation) -> None:
        """Give a MAC address a fixed address and name.

        Same as ``virsh net-update NAME add ip-dhcp-host '<host …/>' --live --config``.
        """
        with self._connection.translated(f"reserve {reservation.address} in network {self.name!r}"):
            self._update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, reservation)

    def release(self, reservation: Reservation) -> None:
        """Take a fixed address back; same as ``virsh net-update NAME delete ip-dhcp-host …``."""
        with self._connection.translated(f"release {reservation.address} in network {self.name!r}"):
            self._update(libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, reservation)

    def _update(self, command: int, reservation: Reservation) -> None:
        host = ET.Element("host", mac=reservation.mac, name=reservation.name, ip=reservation.address)
        flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
        if self.vir.isActive():
            flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
        section = libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST
        self.vir.update(command, section, -1, ET.tostring(host, encoding="unicode"), flags)

    def reservations(self) -> tuple[Reservation, ...]:
        """Return the fixed addresses of the network."""
        return inventory.reservations(ET.fromstring(self.xml()))

    def leases(self) -> Table[Lease]:
        """Return the leases; same as ``virsh net-dhcp-leases NAME``."""
        with self._connection.translated(f"read the leases of network {self.name!r}"):
            rows = self.vir.DHCPLeases()
        leases = [
            Lease(
                mac=row["mac"],
                address=f"{row['ipaddr']}/{row['prefix']}",
                hostname=row["hostname"] or "",
                expires=time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(row["expirytime"])),
            )
            for row in rows
        ]
        return Table(sorted(leases, key=lambda lease: lease.mac))

    def wait_for_lease(self, mac: str, *, timeout_s: float = 30.0) -> Lease:
        """Wait until a MAC address has a lease and return it.

        Raises
        ------
        Timeout
            If it has none in time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            for lease in self.leases():
                if lease.mac == mac:
                    return lease
            if time.monotonic() > deadline:
                raise Timeout(f"{mac} got no lease in network {self.name!r}", after_s=timeout_s)
            time.sleep(0.05)
