"""What a host needs for its networks, in no tool's words: pure data.

The four generators (:mod:`~kvmlab.exporting.iproute2`, :mod:`~kvmlab.exporting.nmcli`,
:mod:`~kvmlab.exporting.networkd`, :mod:`~kvmlab.exporting.netplan`) write it down in theirs.
"""

from dataclasses import dataclass
from ipaddress import ip_interface

from kvmlab.commands.direct import GluedTap

#: MTU of an Ethernet link unless somebody sets another (IEEE 802.3).
USUAL_MTU = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """A route that somebody set by hand.

    Attributes
    ----------
    destination
        In CIDR notation.
    gateway
        Next hop; empty if the destination is on the link itself.
    """

    destination: str
    gateway: str = ""

    @property
    def version(self) -> int:
        """4 or 6."""
        return ip_interface(self.destination).version


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Addresses and routes of a link.

    Attributes
    ----------
    addresses
        Static ones with prefix length, IPv4 first.
    gateways
        Next hops of static default routes, at most one per family.
    routes
        Other static routes.
    dhcp
        Whether a DHCP server gave it its IPv4 address.
    accept_ra
        Whether it gave itself an IPv6 address from router advertisements (RFC 4862).
    ipv6
        Whether it speaks IPv6 at all.
    """

    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    routes: tuple[StaticRoute, ...] = ()
    dhcp: bool = False
    accept_ra: bool = False
    ipv6: bool = True

    def of(self, version: int) -> tuple[str, ...]:
        """Return the addresses of a family."""
        return tuple(a for a in self.addresses if ip_interface(a).version == version)

    def gateway(self, version: int) -> str:
        """Return the next hop of a family's default route; empty if none."""
        return next((g for g in self.gateways if ip_interface(g).version == version), "")

    @property
    def is_empty(self) -> bool:
        """Whether nobody gave the link an address or a route."""
        return not (self.addresses or self.gateways or self.routes or self.dhcp or self.accept_ra)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLink:
    """A link of the host that somebody made or set up by hand.

    Attributes
    ----------
    name
        Its name.
    kind
        ``nic`` (there already), ``bridge``, ``vlan``, ``macvlan`` or ``tap``.
    mtu
        In bytes.
    addressing
        Its addresses and routes.
    master
        Bridge that it is a port of; empty for none.
    isolated
        Whether it is an isolated port (bridge(8)).
    stp, forward_delay_s
        Of a bridge: whether it speaks the spanning tree protocol, and with what delay.
    vlan_filtering
        Of a bridge: whether it looks at VLAN tags.
    lower
        Of a vlan or macvlan: the link below.
    vlan_id
        Of a vlan: its tag.
    mode
        Of a macvlan: ``bridge``, ``vepa``, ``private`` or ``passthru``.
    """

    name: str
    kind: str
    mtu: int = USUAL_MTU
    addressing: Addressing = Addressing()
    master: str = ""
    isolated: bool = False
    stp: bool = False
    forward_delay_s: int | None = None
    vlan_filtering: bool = False
    lower: str = ""
    vlan_id: int | None = None
    mode: str = ""

    @property
    def has_unusual_mtu(self) -> bool:
        """Whether its MTU has to be set."""
        return self.mtu != USUAL_MTU


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What a host needs beside libvirt.

    Attributes
    ----------
    links
        In the order in which they can be made: what is below comes first, and ports after their bridge.
    forwarding
        Families (4, 6) for which the host routes, because somebody said so and not libvirt.
    glued
        Macvlans and taps that stand for a macvtap.
    by_libvirt
        Bridges that libvirt makes and that nobody else has to.
    """

    links: tuple[HostLink, ...] = ()
    forwarding: tuple[int, ...] = ()
    glued: tuple[GluedTap, ...] = ()
    by_libvirt: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to configure."""
        return not (self.links or self.forwarding or self.glued)

    @property
    def made(self) -> tuple[HostLink, ...]:
        """The links that do not exist by themselves."""
        return tuple(link for link in self.links if link.kind != "nic")

    def ports(self, bridge: str) -> tuple[HostLink, ...]:
        """Return the ports of a bridge."""
        return tuple(link for link in self.links if link.master == bridge)

    def above(self, lower: str) -> tuple[HostLink, ...]:
        """Return the vlans and macvlans on a link."""
        return tuple(link for link in self.links if link.lower == lower)


#: sysctl of each family that makes a host a router (Documentation/networking/ip-sysctl of Linux).
FORWARDING_KEYS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
#: Where sysctl.d(5) lets an administrator put it.
FORWARDING_FILE = "/etc/sysctl.d/60-vm-forwarding.conf"


def forwarding_text(plan: HostPlan) -> str:
    """Return the lines of a file in ``/etc/sysctl.d``."""
    return "".join(f"{FORWARDING_KEYS[version]} = 1\n" for version in plan.forwarding)


def is_taken_from_uplink(plan: HostPlan, link: HostLink) -> bool:
    """Tell whether a bridge has the addresses that its uplink would have without it."""
    has_nic = any(port.kind != "tap" for port in plan.ports(link.name))
    return link.kind == "bridge" and has_nic and not link.addressing.is_empty
