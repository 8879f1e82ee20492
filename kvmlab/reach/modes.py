"""Each network mode, set up in a lab of its own: one virtio and one rtl8139 guest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kvmlab.changes import add_routes, add_vlan, make_bridge, start_passt
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.reach.direct import direct_nic
from kvmlab.reach.paths import HOST_ADDRESSES
from kvmlab.spec.bridge import BridgeSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.source import Direct, Multicast, Source, TcpSocket
from kvmlab.spec.user import UserMode
from kvmlab.spec.vlan import VlanSpec
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.support import knows_passt

#: Names of the two guests, and the models of their NICs.
GUESTS: Mapping[str, str] = {"vm1": "virtio", "vm2": "rtl8139"}
#: Modes in which only one guest has a place: each guest gets a lab of its own.
ALONE = frozenset({"direct-passthrough"})
_SUBNET, _HOST = "192.168.50.0/24", "192.168.50.1"
#: Addresses of the guests where nobody serves DHCP, by guest.
_STATIC = {name: f"192.168.50.{11 + number}/24" for number, name in enumerate(GUESTS)}
#: A unique local prefix (RFC 4193), and one of the LAN's own global ones.
_LOCAL6, _LOCAL_HOST6 = "fd00:50::/64", "fd00:50::1"
_GLOBAL6, _GLOBAL_HOST6 = "2001:db8:1:50::/64", "2001:db8:1:50::1"
_VLAN = 10


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a mode needs, put in place for its guests.

    Attributes
    ----------
    nics
        NIC of each guest, by name.
    host_addresses
        Addresses that stand for the host: of each family one, or one as each guest sees it.
    static
        IPv4 addresses that the guests are given by hand, by name; empty if somebody serves DHCP.
    finish
        What is done when a guest runs.
    link
        Name of the guests' link that is probed; empty for the first one.
    """

    nics: Mapping[str, InterfaceSpec]
    host_addresses: tuple[str, ...] = HOST_ADDRESSES
    static: Mapping[str, str] | None = None
    finish: Callable[[Domain], object] | None = None
    link: str = ""


#: Names and NIC models of the guests that a mode is set up for.
Guests = Mapping[str, str]


def _on(network: NetworkSpec, guests: Guests, *, isolated: bool = False) -> dict[str, InterfaceSpec]:
    return {
        name: InterfaceSpec(network=network.name, model=model, isolated=isolated)
        for name, model in guests.items()
    }


def _with_network(lab: Lab, guests: Guests, network: NetworkSpec, *, isolated: bool = False) -> Prepared:
    lab.define(network).start()
    host6 = _GLOBAL_HOST6 if network.subnet6 == _GLOBAL6 else _LOCAL_HOST6
    return Prepared(_on(network, guests, isolated=isolated), (_HOST, host6))


def _bridged(lab: Lab, guests: Guests) -> Prepared:
    make_bridge(lab, BridgeSpec(name="br0", uplink=world.HOST_UPLINK))
    return Prepared({name: InterfaceSpec(bridge="br0", model=model) for name, model in guests.items()})


def _nat(lab: Lab, guests: Guests) -> Prepared:
    network = NetworkSpec(name="nat", subnet=_SUBNET, subnet6=_LOCAL6, forward="nat")
    return _with_network(lab, guests, network)


def _host_only(lab: Lab, guests: Guests) -> Prepared:
    return _with_network(lab, guests, NetworkSpec(name="host-only", subnet=_SUBNET, subnet6=_LOCAL6))


def _isolated_ports(lab: Lab, guests: Guests) -> Prepared:
    network = NetworkSpec(name="isolated", subnet=_SUBNET, subnet6=_LOCAL6)
    return _with_network(lab, guests, network, isolated=True)


def _private(lab: Lab, guests: Guests) -> Prepared:
    network = NetworkSpec(name="private")
    lab.define(network).start()
    return Prepared(_on(network, guests), static=_STATIC)


def _vlan(lab: Lab, guests: Guests) -> Prepared:
    # The host is in the same subnet, so that it is the tag alone that keeps it out.
    network = NetworkSpec(name="vlan", subnet=_SUBNET, dhcp=False)
    lab.define(network).start()

    def finish(guest: Domain) -> None:
        spec = VlanSpec(link="eth0", id=_VLAN, addresses=(_STATIC[guest.name],))
        add_vlan(lab, spec, where=guest.name)

    return Prepared(_on(network, guests), (_HOST, world.HOST_ADDRESS6), finish=finish, link=f"eth0.{_VLAN}")


def _routed(lab: Lab, guests: Guests, *, forward: str) -> Prepared:
    network = NetworkSpec(name=forward, subnet=_SUBNET, subnet6=_GLOBAL6, forward=forward)
    found = _with_network(lab, guests, network)
    add_routes(lab, network)
    return found


def _direct(lab: Lab, guests: Guests, *, mode: str) -> Prepared:
    dev = world.SPARE_UPLINK if mode == "passthrough" else world.HOST_UPLINK
    direct = Direct(dev=dev, mode=mode)
    return Prepared({name: direct_nic(lab, name, direct, model=model) for name, model in guests.items()})


def _plugged(sources: Mapping[str, Source], guests: Guests) -> dict[str, InterfaceSpec]:
    return {name: InterfaceSpec(source=sources[name], model=model) for name, model in guests.items()}


def _user(_lab: Lab, guests: Guests) -> Prepared:
    # Two subnets, so that the one guest's address is not the other's own.
    sources = {name: UserMode(subnet=f"10.0.{2 + number}.0/24") for number, name in enumerate(guests)}
    hosts = [f"10.0.{2 + number}.2" for number in range(len(guests))]
    return Prepared(_plugged(sources, guests), (*hosts, "fec0::2"))


def _user_passt(lab: Lab, guests: Guests) -> Prepared:
    # By default a guest has the host's own addresses, and is found at none.
    users = {
        name: UserMode(
            backend="passt", address=f"192.168.1.{11 + number}/24", address6=f"2001:db8:1::{11 + number}/64"
        )
        for number, name in enumerate(guests)
    }
    gateways = (world.ROUTER_ADDRESS, world.ROUTER_ADDRESS6)  # each stands for the host
    if knows_passt(Connection(lab.uri)):
        return Prepared(_plugged(users, guests), gateways)
    sockets = {name: TcpSocket(port=7011 + number) for number, name in enumerate(guests)}

    def finish(guest: Domain) -> None:
        start_passt(lab, users[guest.name], sockets[guest.name])
        # the guest asked for addresses when nobody answered yet, and would ask again ever more seldom
        for state in ("down", "up"):
            guest.run(["ip", "link", "set", "dev", "eth0", state])

    return Prepared(_plugged(sockets, guests), gateways, finish=finish)


def _sockets(_lab: Lab, guests: Guests) -> Prepared:
    return Prepared(_plugged(dict.fromkeys(guests, Multicast()), guests), static=_STATIC)


#: What sets up each mode.
MODES: Mapping[str, Callable[[Lab, Guests], Prepared]] = {
    "bridged": _bridged,
    "nat": _nat,
    "host-only": _host_only,
    "private": _private,
    "isolated-ports": _isolated_ports,
    "vlan": _vlan,
    "direct-bridge": lambda lab, guests: _direct(lab, guests, mode="bridge"),
    "direct-vepa": lambda lab, guests: _direct(lab, guests, mode="vepa"),
    "direct-private": lambda lab, guests: _direct(lab, guests, mode="private"),
    "direct-passthrough": lambda lab, guests: _direct(lab, guests, mode="passthrough"),
    "routed": lambda lab, guests: _routed(lab, guests, forward="route"),
    "open": lambda lab, guests: _routed(lab, guests, forward="open"),
    "user": _user,
    "user-passt": _user_passt,
    "sockets": _sockets,
}
