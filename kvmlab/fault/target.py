"""What faults have in common: how they name a NIC, and find it again."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from kvmlab.commands import Command
from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Target
from kvmlab.host import world


def in_guest(domain: str, *argv: str, stdin: str = "") -> Command:
    """Return a command for a guest."""
    return Command(argv, "", where=domain, stdin=stdin)


def on_host(*argv: str, stdin: str = "", where: str = "host") -> Command:
    """Return a command for a host of the lab."""
    return Command(argv, "", where=where, stdin=stdin)


def target_of(nic: DefinedNic) -> dict[str, str]:
    """Return what names a NIC."""
    return {"domain": nic.domain, "mac": nic.mac, "tap": nic.tap}


def targets_of(nics: Sequence[DefinedNic]) -> list[Target]:
    """Return what names NICs."""
    return [target_of(nic) for nic in nics]


def nic_of(scene: Scene, target: Target) -> DefinedNic | None:
    """Return the NIC that a target names; None if it is gone."""
    found = (nic for nic in scene.nics if (nic.domain, nic.mac) == (target["domain"], target["mac"]))
    return next(found, None)


def known_nic(scene: Scene, target: Target) -> DefinedNic:
    """Return the NIC that a target names, which was found in this very scene."""
    nic = nic_of(scene, target)
    assert nic is not None
    return nic


def neighbor_of(scene: Scene, nic: DefinedNic) -> str:
    """Return whom a NIC should reach first: its gateway, or the LAN's router."""
    view = scene.guests.get(nic.domain)
    return (view.gateway if view else "") or world.ROUTER_ADDRESS


def addressed(scene: Scene) -> list[DefinedNic]:
    """Return the running NICs whose guest tells an IPv4 address of them."""
    return [nic for nic in scene.running if scene.addresses(nic)]


def unused_address(scene: Scene, subnet: IPv4Network) -> str:
    """Return the last address of a subnet that neither a guest nor a host of the lab has; empty for none."""
    used = {a.address for state in scene.states.values() for a in state.addresses}
    used |= {cidr.split("/")[0] for nic in scene.nics for cidr in scene.addresses(nic)}
    hosts = range(int(subnet.broadcast_address) - 1, int(subnet.network_address), -1)
    return next((address for number in hosts if (address := str(IPv4Address(number))) not in used), "")
