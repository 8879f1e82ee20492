"""Each network mode, set up in a lab of its own: one virtio and one rtl8139 guest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface

from kvmlab.changes import add_routes, make_bridge, make_glued_tap
from kvmlab.commands.direct import GluedTap
from kvmlab.host import world
from kvmlab.host.namespaces import is_real_root
from kvmlab.lab import Lab
from kvmlab.spec import addressing
from kvmlab.spec.bridge import BridgeSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.source import Direct, Multicast, Source, UserMode

#: Names of the two guests, and the models of their NICs.
GUESTS: Mapping[str, str] = {"vm1": "virtio", "vm2": "rtl8139"}
UPLINK = "enp1s0"
_SUBNET = "192.168.50.0/24"
_HOST = "192.168.50.1"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a mode needs, put in place, for the two guests.

    Attributes
    ----------
    nics
        NIC of each guest.
    host_addresses
        Address that stands for the host, as each guest sees it.
    static
        Addresses that the guests are given by hand, because nobody serves DHCP; empty if somebody does.
    """

    nics: tuple[InterfaceSpec, ...]
    host_addresses: tuple[str, ...]
    static: tuple[IPv4Interface, ...] = ()


def _with_network(lab: Lab, network: NetworkSpec, *, isolated: bool = False) -> Prepared:
    lab.define(network).start()
    nics = [InterfaceSpec(network=network.name, model=model, isolated=isolated) for model in GUESTS.values()]
    return Prepared(tuple(nics), (_HOST,) * len(GUESTS))


def _bridged(lab: Lab) -> Prepared:
    make_bridge(lab, BridgeSpec(name="br0", uplink=UPLINK))
    nics = tuple(InterfaceSpec(bridge="br0", model=model) for model in GUESTS.values())
    return Prepared(nics, (world.HOST_ADDRESS,) * len(GUESTS))


def _nat(lab: Lab) -> Prepared:
    return _with_network(lab, NetworkSpec(name="nat", subnet=_SUBNET, forward="nat"))


def _host_only(lab: Lab) -> Prepared:
    return _with_network(lab, NetworkSpec(name="host-only", subnet=_SUBNET))


def _private(lab: Lab) -> Prepared:
    found = _with_network(lab, NetworkSpec(name="private"))
    return Prepared(found.nics, (world.HOST_ADDRESS,) * len(GUESTS), _static())


def _isolated_ports(lab: Lab) -> Prepared:
    return _with_network(lab, NetworkSpec(name="isolated", subnet=_SUBNET), isolated=True)


def _routed(lab: Lab, *, forward: str) -> Prepared:
    network = NetworkSpec(name=forward, subnet=_SUBNET, forward=forward)
    found = _with_network(lab, network)
    add_routes(lab, network)
    return found


def _direct(lab: Lab, *, mode: str) -> Prepared:
    nics = tuple(direct_nic(lab, name, Direct(dev=UPLINK, mode=mode), model=m) for name, m in GUESTS.items())
    return Prepared(nics, (world.HOST_ADDRESS,) * len(GUESTS))


def _user(_lab: Lab) -> Prepared:
    # Two subnets, so that the one guest's address is not the other's own.
    sources: Sequence[Source] = (UserMode(), UserMode(subnet="10.0.3.0/24"))
    nics = zip(sources, GUESTS.values(), strict=True)
    return Prepared(tuple(InterfaceSpec(source=s, model=m) for s, m in nics), ("10.0.2.2", "10.0.3.2"))


def _sockets(_lab: Lab) -> Prepared:
    nics = tuple(InterfaceSpec(source=Multicast(), model=model) for model in GUESTS.values())
    return Prepared(nics, (world.HOST_ADDRESS,) * len(GUESTS), _static())


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
