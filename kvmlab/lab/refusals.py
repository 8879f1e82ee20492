"""What a lab's KVM host has no room for, refused before libvirt is asked.

libvirt looks at most of it only when something is started, and at some of it
never: an overlap of subnets is found where both have the same prefix length,
and a bridge of the host itself need not be one.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from kvmlab.errors import SpecError
from kvmlab.host import pci, world
from kvmlab.host.links import Link, NetworkState
from kvmlab.host.namespaces import owns_machine
from kvmlab.host.pci import PciNic
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.hostdev import PciPoolSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.source import Direct, PciDevice

#: Subnets of the emulated world, by what uses them.
RESERVED = {
    "the LAN": ip_network(world.LAN_SUBNET),
    "the LAN (IPv6)": ip_network(world.LAN_SUBNET6),
    "the provider's network": ip_network(world.PROVIDER_SUBNET),
    "the provider's network (IPv6)": ip_network(world.PROVIDER_SUBNET6),
    **{f"the internet's server {a.split('/')[0]}": ip_network(a) for a in world.SERVER_ADDRESSES},
}
#: Kinds of links that lead to guests: a bridge with no other ports has no uplink.
_OF_GUESTS = ("tap", "tun")
_PASSTHROUGH = "`kvmlab doctor` says what passthrough needs, and pci_nics() shows the cards"


def check_network(spec: NetworkSpec, host: NetworkState) -> None:
    """Refuse a network whose bridge or subnet clashes with what the host has.

    Raises
    ------
    SpecError
        Naming both sides.
    """
    spec.check_against({}, reserved=RESERVED)
    for link, subnet in _subnets(host):
        spec.check_against({}, reserved={f"the host's link {link!r}": subnet})
    bridge = host.link(spec.bridge_name)
    if spec.forward == "bridge":
        _check_uplink(spec, bridge, host)
    elif bridge is not None:
        raise SpecError(
            f"network {spec.name!r}: bridge name {spec.bridge_name!r} is taken by a link of the host",
            hint="give another bridge name, or remove that link first",
        )


def _subnets(host: NetworkState) -> Iterator[tuple[str, IPv4Network | IPv6Network]]:
    """Yield the subnets that the host's links are in or lead to."""
    for route in host.routes:
        if route.destination != "default" and route.link not in ("", "lo"):
            subnet = ip_network(route.destination)
            if not subnet.is_link_local and not subnet.is_multicast:
                yield route.link, subnet


def _check_uplink(spec: NetworkSpec, bridge: Link | None, host: NetworkState) -> None:
    what = f"network {spec.name!r}"
    make = f"make_bridge(lab, BridgeSpec(name={spec.bridge_name!r}, uplink='enp1s0'))"
    if bridge is None:
        raise SpecError(f"{what}: the host has no bridge {spec.bridge_name!r}", hint=f"first {make}")
    if bridge.kind != "bridge":
        raise SpecError(
            f"{what}: {spec.bridge_name!r} of the host is a {bridge.kind} link, not a bridge",
            hint="make a bridge with it as uplink, or plug guests into it directly (Direct)",
        )
    if all(port.kind in _OF_GUESTS for port in host.ports(bridge.name)):
        raise SpecError(
            f"{what}: bridge {bridge.name!r} has no uplink, so that no guest on it is a station of the LAN",
            hint=f"give it one: `ip link set dev LINK master {bridge.name}`; guests that are to be among "
            f"themselves need no libvirt network: InterfaceSpec(bridge={bridge.name!r})",
        )


def check_domain(spec: DomainSpec) -> None:
    """Refuse a domain that needs rights on the machine, or a card, that this lab does not have.

    Raises
    ------
    SpecError
        Naming the link or the card.
    """
    what = f"domain {spec.name!r}"
    for nic in spec.interfaces:
        if isinstance(nic.source, Direct) and not owns_machine():
            raise SpecError(
                f"{what}: macvtap on {nic.source.dev!r} (mode {nic.source.mode}) needs a device file "
                "/dev/tapN, which only the machine's real root may open",
                hint=f"direct_nic(lab, {spec.name!r}, …) makes the same of a macvlan and a tap",
            )
        if isinstance(nic.source, PciDevice) and not _card(what, nic.source.address).is_vf:
            raise SpecError(
                f"{what}: PCI device {nic.source.address} is no virtual function, so that libvirt does not "
                "take it as an interface",
                hint="hand the whole card on: DomainSpec(hostdevs=…)",
            )
    for device in spec.hostdevs:
        _card(what, device.address)


def check_pool(spec: PciPoolSpec) -> None:
    """Refuse a pool of virtual functions that this machine does not have.

    Raises
    ------
    SpecError
        Naming the card.
    """
    what = f"network {spec.name!r}"
    for address in spec.addresses:
        _card(what, address)
    if spec.pf is None:
        return
    cards = {link: nic for nic in pci.pci_nics() for link in nic.links}
    able = ", ".join(link for link, nic in cards.items() if nic.total_vfs) or "none"
    if spec.pf not in cards or not cards[spec.pf].total_vfs:
        raise SpecError(f"{what}: {spec.pf!r} is no card with SR-IOV", hint=f"those with SR-IOV are: {able}")
    _check_root(what)
    if not cards[spec.pf].vfs:
        raise SpecError(
            f"{what}: {spec.pf!r} has no virtual functions yet, it can have {cards[spec.pf].total_vfs}",
            hint=f"echo 4 | sudo tee /sys/class/net/{spec.pf}/device/sriov_numvfs",
        )


def _card(what: str, address: str) -> PciNic:
    """Return the card with this address, or refuse it if it cannot be handed to a guest."""
    found = {nic.address: nic for nic in pci.pci_nics()}
    if address not in found:
        known = ", ".join(found) or "none"
        raise SpecError(
            f"{what}: PCI device {address} is no network card of this machine", hint=f"its cards are: {known}"
        )
    if obstacle := found[address].obstacle:
        raise SpecError(f"{what}: PCI device {address} cannot be handed on: {obstacle}", hint=_PASSTHROUGH)
    _check_root(f"{what}: PCI device {address}")
    return found[address]


def _check_root(what: str) -> None:
    if not owns_machine():
        raise SpecError(f"{what} is for the machine's real root to hand on only", hint=_PASSTHROUGH)
