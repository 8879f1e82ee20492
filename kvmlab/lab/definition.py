"""Descriptions become definitions: checked against what the lab has, then given to libvirt."""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Network
from pathlib import Path

from kvmlab._run import Runner
from kvmlab.errors import DaemonError, SpecError
from kvmlab.host import mounts
from kvmlab.host.links import NetworkState
from kvmlab.image import Image
from kvmlab.lab import refusals
from kvmlab.lab.cloud import disks_made
from kvmlab.spec import addressing
from kvmlab.spec.boot import CloudImage
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.hostdev import PciPoolSpec
from kvmlab.spec.identity import NetworkIdentity
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation
from kvmlab.virt import inventory, support
from kvmlab.virt.accelerator import Accelerator
from kvmlab.virt.connection import Connection
from kvmlab.virt.network import Network


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a domain is defined with beside its description.

    Attributes
    ----------
    lab
        Name of the lab; MAC addresses and UUIDs follow from it.
    accelerator
        What guests run on.
    image
        Guest image that they boot.
    folder
        Folder of the lab for disks, and for what serial consoles print.
    host
        Runs commands on the KVM host.
    """

    lab: str
    accelerator: Accelerator
    image: Image | None
    folder: Path
    host: Runner


def define_network(connection: Connection, spec: NetworkSpec, *, lab: str, host: NetworkState) -> None:
    """Define a network; see :meth:`kvmlab.Lab.define`.

    Parameters
    ----------
    connection
        Libvirt that gets it.
    spec
        Its description.
    lab
        Name of the lab.
    host
        What the KVM host has.
    """
    present = inventory.networks(connection)
    if spec.name in present:
        raise SpecError(f"network {spec.name!r} exists already", hint="undefine() it first")
    spec.check_against(present, reserved={})
    refusals.check_network(spec, host)
    support.check_vlans(connection, f"network {spec.name!r}", spec.vlans)
    with connection.translated(f"define network {spec.name!r}") as vir:
        vir.networkDefineXML(spec.to_xml(identity=NetworkIdentity.of(lab, spec.name)))


def define_pool(connection: Connection, spec: PciPoolSpec) -> None:
    """Define a pool of virtual functions; see :meth:`kvmlab.Lab.define`."""
    if spec.name in inventory.networks(connection):
        raise SpecError(f"network {spec.name!r} exists already", hint="undefine() it first")
    refusals.check_pool(spec)
    with connection.translated(f"define network {spec.name!r}") as vir:
        vir.networkDefineXML(spec.to_xml())


def complete(lab: str, spec: DomainSpec) -> DomainSpec:
    """Return the description with a MAC address for each NIC."""
    filled = (
        replace(nic, mac=nic.mac or addressing.mac_for(lab, spec.name, index))
        for index, nic in enumerate(spec.interfaces)
    )
    return replace(spec, interfaces=tuple(filled))


def define_domain(connection: Connection, spec: DomainSpec, around: Surroundings) -> None:
    """Define a domain and reserve its addresses; see :meth:`kvmlab.Lab.define`.

    If something is refused half-way, what was made is taken back.
    """
    _check_visible(spec)
    refusals.check_domain(spec)
    present = inventory.domain_macs(connection)
    if spec.name in present:
        raise SpecError(f"domain {spec.name!r} exists already", hint="undefine() it first")
    for nic in spec.interfaces:
        support.check_vlans(connection, f"domain {spec.name!r}", nic.vlans)
    full = complete(around.lab, spec)
    addressing.check_macs(full, present)
    networks = inventory.networks(connection)
    for nic in full.interfaces:
        _check_network(full, nic, networks)
    own_macs = [nic.mac or "" for nic in full.interfaces]
    for network, left in inventory.reservations_of(connection, own_macs):
        Network(connection, network).release(left)  # of a domain that was undefined by hand
    wanted = _reservations(full, networks, own_macs)
    with disks_made(full, lab=around.lab, folder=around.folder, host=around.host) as bootable:
        _give_to_libvirt(connection, bootable, wanted, around)


def _give_to_libvirt(
    connection: Connection, spec: DomainSpec, wanted: list[tuple[str, Reservation]], around: Surroundings
) -> None:
    xml = spec.to_xml(
        lab=around.lab,
        accelerator=around.accelerator.name,
        cpu_model=around.accelerator.cpu_model,
        image=around.image,
        console_log=str(around.folder / f"{spec.name}.log"),
    )
    made: list[tuple[Network, Reservation]] = []
    try:
        for name, reservation in wanted:
            network = Network(connection, name)
            network.reserve(reservation)
            made.append((network, reservation))
        with connection.translated(f"define domain {spec.name!r}") as vir:
            vir.defineXML(xml)
    except BaseException:
        with contextlib.suppress(DaemonError):  # without libvirtd there is nothing to take back
            for network, reservation in made:
                network.release(reservation)
        raise


def _check_network(spec: DomainSpec, nic: InterfaceSpec, networks: dict[str, inventory.NetworkFacts]) -> None:
    if nic.network is not None and nic.network not in networks:
        known = ", ".join(sorted(networks)) or "none"
        raise SpecError(
            f"domain {spec.name!r}: there is no network {nic.network!r} in this lab",
            hint=f"define it first; there are: {known}",
        )
    if nic.vlans and nic.network is not None and networks[nic.network].forward != "bridge":
        raise SpecError(
            f"domain {spec.name!r} has vlans in network {nic.network!r}, whose bridge is libvirt's own",
            hint="libvirt sets them on bridges of the host only; filter_vlans() sets those of any bridge",
        )


def _check_visible(spec: DomainSpec) -> None:
    """Refuse files of the machine that are not seen where QEMU runs; a cloud image is tried there."""
    if spec.boot is None or isinstance(spec.boot, CloudImage):
        return
    for path in (getattr(spec.boot, field.name) for field in fields(spec.boot)):
        if isinstance(path, Path) and (point := mounts.hidden_by(path)) is not None:
            raise SpecError(
                f"domain {spec.name!r}: {path} is not seen in a lab, which has a {point} of its own",
                hint="copy it to another folder, such as one in your home directory",
            )


def _reservations(
    spec: DomainSpec, networks: dict[str, inventory.NetworkFacts], own_macs: Collection[str]
) -> list[tuple[str, Reservation]]:
    subnets: dict[str, IPv4Network] = {
        name: facts.dhcp_subnet for name, facts in networks.items() if facts.dhcp_subnet is not None
    }
    taken = {
        name: [held.address for held in facts.reservations if held.mac not in own_macs]
        for name, facts in networks.items()
    }
    return addressing.reservations_for(spec, subnets, taken=taken)
