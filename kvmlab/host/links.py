"""Live state of a network namespace, read through netlink (rtnetlink(7)).

What ``ip link``, ``ip address``, ``ip route``, ``ip neighbour`` and ``bridge
fdb`` show, as data that travels as JSON: a lab's PID 1 reads it inside the
namespaces and sends it to the notebook.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a veth pair (veth(4)).

    Attributes
    ----------
    index
        Its link index, in the namespace where it is.
    netns
        Name of that namespace in ``/run/netns``; empty for the unnamed
        namespace of the process that read the state; None if it has no name
        that this process can see.
    """

    index: int
    netns: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link, as ``ip -details link`` shows it.

    Attributes
    ----------
    index, name, mac
        Its number in this namespace, its name, its MAC address.
    kind
        ``bridge``, ``veth``, ``tap``, ``macvlan``, ``macvtap``, ``vlan`` and
        so on; ``loopback``; ``physical`` for what is none of the kernel's
        virtual links.
    mtu
        In bytes.
    state
        Operational state in the kernel's words: ``up``, ``down``,
        ``lowerlayerdown``, ``dormant``, ``unknown`` (RFC 2863).
    is_up
        Whether it was set up by its administrator.
    has_carrier
        Whether something is at the other end of the cable.
    master
        Name of the bridge that it is a port of; empty if none.
    lower
        Name of the link that a macvlan, macvtap or vlan sits on; empty if none.
    peer
        Other end of a veth; None for other kinds.
    port_state
        Of a bridge port: ``disabled``, ``listening``, ``learning``,
        ``forwarding``, ``blocking``; else empty.
    is_isolated
        Whether it is a bridge port that may not talk to other isolated ports.
    stp
        Whether a bridge runs the spanning tree protocol; None for other kinds.
    forward_delay_s
        Of a bridge: seconds in each of the states listening and learning.
    vlan_filtering
        Whether a bridge looks at VLAN tags; None for other kinds.
    vlan_id
        Tag of a vlan link; None for other kinds.
    mode
        Of a macvlan or macvtap: ``bridge``, ``vepa``, ``private``,
        ``passthru``; else empty.
    redirect
        Name of the link that a filter sends its incoming frames to
        (tc-mirred(8)); empty if none does.
    vlans
        Of a port of a bridge that looks at VLAN tags: what it lets pass, in
        the words of bridge(8), such as ``1 PVID Egress Untagged``.
    """

    index: int
    name: str
    kind: str
    mac: str = ""
    mtu: int = 0
    state: str = "unknown"
    is_up: bool = False
    has_carrier: bool = False
    master: str = ""
    lower: str = ""
    peer: Peer | None = None
    port_state: str = ""
    is_isolated: bool = False
    stp: bool | None = None
    forward_delay_s: float | None = None
    vlan_filtering: bool | None = None
    vlan_id: int | None = None
    mode: str = ""
    redirect: str = ""
    vlans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 or IPv6 address of a link, as ``ip address`` shows it.

    Attributes
    ----------
    link
        Name of the link.
    address, prefix_length
        Such as ``192.168.1.10`` and 24.
    scope
        ``global``, ``link`` or ``host``.
    is_dynamic
        Whether it expires, as an address from DHCP does.
    is_tentative
        Whether duplicate address detection has not cleared it (RFC 4862):
        it is not used yet, or never will be.
    """

    link: str
    address: str
    prefix_length: int
    scope: str
    is_dynamic: bool = False
    is_tentative: bool = False

    @property
    def cidr(self) -> str:
        """The address with its prefix length, such as ``192.168.1.10/24``."""
        return f"{self.address}/{self.prefix_length}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table, as ``ip route`` shows it.

    Attributes
    ----------
    family
        4 or 6.
    destination
        Subnet, or ``default``.
    gateway
        Next hop; empty if the destination is on the link itself.
    link
        Name of the outgoing link; empty for routes that go nowhere.
    source
        Preferred source address; empty if the kernel chooses.
    protocol
        Who made it: ``kernel``, ``boot``, ``static``, ``dhcp``, ``ra``.
    kind
        ``unicast``, or ``unreachable``, ``blackhole``, ``prohibit``.
    metric
        The lower one wins.
    """

    family: int
    destination: str
    gateway: str
    link: str
    source: str = ""
    protocol: str = ""
    kind: str = "unicast"
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An entry of the ARP or NDP cache, as ``ip neighbour`` shows it.

    Attributes
    ----------
    address, mac
        Who it is; ``mac`` is empty as long as nobody answered.
    link
        Name of the link that it is behind.
    state
        ``reachable``, ``stale``, ``delay``, ``probe``, ``incomplete``,
        ``failed`` or ``permanent``.
    """

    address: str
    mac: str
    link: str
    state: str


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """An entry of a bridge's forwarding database, as ``bridge fdb`` shows it.

    Attributes
    ----------
    mac
        Destination that frames have.
    bridge, port
        The bridge sends them out of this port.
    is_permanent
        Whether it is the port's own address; otherwise the bridge learned it.
    vlan_id
        VLAN that it holds for; None without VLAN filtering.
    """

    mac: str
    bridge: str
    port: str
    is_permanent: bool
    vlan_id: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkState:
    """All that one network namespace had at one moment.

    Attributes
    ----------
    links, addresses, routes, neighbors, fdb
        Its tables.
    forwards
        Versions of IP that it forwards between its links, 4 and 6: whether it
        is a router (``net.ipv4.ip_forward``, ``net.ipv6.conf.all.forwarding``).
    """

    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbors: tuple[Neighbor, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    forwards: tuple[int, ...] = ()

    def link(self, name: str) -> Link | None:
        """Return the link of that name; None if there is none."""
        return next((link for link in self.links if link.name == name), None)

    def ports(self, bridge: str) -> tuple[Link, ...]:
        """Return the links that are ports of a bridge."""
        return tuple(link for link in self.links if link.master == bridge)

    def addresses_of(self, link: str) -> tuple[Address, ...]:
        """Return the addresses of a link, IPv4 first."""
        return tuple(address for address in self.addresses if address.link == link)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that ``json.dumps`` accepts."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "NetworkState":
        """Build the state from what :meth:`to_dict` returned."""
        return cls(
            links=tuple(_link_from_dict(**row) for row in data["links"]),
            addresses=tuple(Address(**row) for row in data["addresses"]),
            routes=tuple(Route(**row) for row in data["routes"]),
            neighbors=tuple(Neighbor(**row) for row in data["neighbors"]),
            fdb=tuple(FdbEntry(**row) for row in data["fdb"]),
            forwards=tuple(data["forwards"]),
        )


def _link_from_dict(*, peer: Mapping[str, Any] | None, vlans: Sequence[str] = (), **rest: Any) -> Link:
    return Link(peer=None if peer is None else Peer(**peer), vlans=tuple(vlans), **rest)


def read_state(netns_name: str | None = None) -> NetworkState:
    """Read all tables of a network namespace.

    Parameters
    ----------
    netns_name
        Its name in ``/run/netns``; None for the one that the caller is in.

    Raises
    ------
    NetlinkError
        If there is no such namespace, or the kernel refuses a request.
    """
    from kvmlab.host import netlink  # pyroute2 takes 0.2 s to import; a notebook does not need it

    return netlink.read(netns_name)
