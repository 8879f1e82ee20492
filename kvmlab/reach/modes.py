"""Each network mode, set up in a lab of its own: one virtio and one rtl8139 guest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface

from kvmlab.changes import add_routes, make_bridge, make_glued_tap
from kvmlab.commands.direct import GluedTap
from kvmlab.host import world
from kvmlab.host.namespaces import is_real_root
from kvmlab.lab import Lab
from kvmlab.reach.paths import HOST_ADDRESSES
from kvmlab.spec import addressing
from kvmlab.spec.bridge import BridgeSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.source import Direct, Multicast, Source, UserMode

#: Names of the two guests, and the models of their NICs.
GUESTS: Mapping[str, str] = {"vm1": "virtio", "vm2": "rtl8139"}
_SUBNET, _HOST = "192.168.50.0/24", "192.168.50.1"
#: A unique local prefix (RFC 4193), and one of the LAN's own global ones.
_LOCAL6, _LOCAL_HOST6 = "fd00:50::/64", "fd00:50::1"
_GLOBAL6, _GLOBAL_HOST6 = "2001:db8:1:50::/64", "2001:db8:1:50::1"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a mode needs, put in place, for the two guests.

    Attributes
    ----------
    nics
        NIC of each guest.
    host_addresses
        Addresses that stand for the host: of each family one, or one as each guest sees it.
    static
        IPv4 addresses that the guests are given by hand, because nobody serves DHCP; empty if somebody does.
    """

    nics: tuple[InterfaceSpec, ...]
    host_addresses: tuple[str, ...] = HOST_ADDRESSES
    static: tuple[IPv4Interface, ...] = ()


def _with_network(lab: Lab, network: NetworkSpec, *, isolated: bool = False) -> Prepared:
    lab.define(network).start()
    nics = [InterfaceSpec(network=network.name, model=model, isolated=isolated) for model in GUESTS.values()]
    host6 = _GLOBAL_HOST6 if network.subnet6 == _GLOBAL6 else _LOCAL_HOST6
    return Prepared(tuple(nics), (_HOST, host6))


def _bridged(lab: Lab) -> Prepared:
    make_bridge(lab, BridgeSpec(name="br0", uplink=world.HOST_UPLINK))
    return Prepared(tuple(InterfaceSpec(bridge="br0", model=model) for model in GUESTS.values()))


def _nat(lab: Lab) -> Prepared:
    return _with_network(lab, NetworkSpec(name="nat", subnet=_SUBNET, subnet6=_LOCAL6, forward="nat"))


def _host_only(lab: Lab) -> Prepared:
    return _with_network(lab, NetworkSpec(name="host-only", subnet=_SUBNET, subnet6=_LOCAL6))


def _private(lab: Lab) -> Prepared:
    return Prepared(_with_network(lab, NetworkSpec(name="private")).nics, static=_static())


def _isolated_ports(lab: Lab) -> Prepared:
    network = NetworkSpec(name="isolated", subnet=_SUBNET, subnet6=_LOCAL6)
    return _with_network(lab, network, isolated=True)


def _routed(lab: Lab, *, forward: str) -> Prepared:
    network = NetworkSpec(name=forward, subnet=_SUBNET, subnet6=_GLOBAL6, forward=forward)
    found = _with_network(lab, network)
    add_routes(lab, network)
    return found


def _direct(lab: Lab, *, mode: str) -> Prepared:
    direct = Direct(dev=world.HOST_UPLINK, mode=mode)
    return Prepared(tuple(direct_nic(lab, name, direct, model=model) for name, model in GUESTS.items()))


def _user(_lab: Lab) -> Prepared:
    # Two subnets, so that the one guest's address is not the other's own.
    sources: Sequence[Source] = (UserMode(), UserMode(subnet="10.0.3.0/24"))
    nics = zip(sources, GUESTS.values(), strict=True)
    hosts = ("10.0.2.2", "10.0.3.2", "fec0::2")
    return Prepared(tuple(InterfaceSpec(source=s, model=m) for s, m in nics), hosts)


def _sockets(_lab: Lab) -> Prepared:
    nics = tuple(InterfaceSpec(source=Multicast(), model=model) for model in GUESTS.values())
    return Prepared(nics, static=_static())


def _static() -> tuple[IPv4Interface, ...]:
    return tuple(IPv4Interface(f"192.168.50.{11 + index}/24") for index in range(len(GUESTS)))


#: What sets up each mode.
MODES: Mapping[str, Callable[[Lab], Prepared]] = {
    "bridged": _bridged,
    "nat": _nat,
    "host-only": _host_only,
    "private": _private,
    "isolated-ports": _isolated_ports,
    "direct-bridge": lambda lab: _direct(lab, mode="bridge"),
    "direct-vepa": lambda lab: _direct(lab, mode="vepa"),
    "direct-private": lambda lab: _direct(lab, mode="private"),
    "routed": lambda lab: _routed(lab, forward="route"),
    "open": lambda lab: _routed(lab, forward="open"),
    "user": _user,
    "sockets": _sockets,
}


def direct_nic(
    lab: Lab, domain: str, direct: Direct, *, model: str = "virtio", index: int = 0
) -> InterfaceSpec:
    """Return a NIC in direct mode: a macvtap with real root, else a macvlan and a tap.

    Parameters
    ----------
    lab
        A running lab; without real root macvlan and tap are made on its host.
    domain
        Name of the domain that gets it; the MAC address follows from it.
    direct
        The link below, and the mode.
    model
        NIC model.
    index
        Number of the NIC in the domain.

    Raises
    ------
    SpecError
        If the link below does not exist.
    CommandError
        If the kernel refuses.
    """
    mac = addressing.mac_for(lab.name, domain, index)
    if is_real_root():
        return InterfaceSpec(source=direct, model=model, mac=mac)
    tap = GluedTap(name=f"{domain}-{index}", direct=direct, mac=mac)
    make_glued_tap(lab, tap)
    return InterfaceSpec(source=tap.source, model=model, mac=mac)
