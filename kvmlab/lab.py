"""The lab: a KVM host of your own, with a LAN and an internet around it."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from kvmlab import _paths, image
from kvmlab._progress import Progress, shown
from kvmlab._repr import Table
from kvmlab._run import LocalRunner
from kvmlab.errors import LabError, SpecError
from kvmlab.host import client, namespaces, world
from kvmlab.host.links import NetworkState
from kvmlab.spec import addressing
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.virt import inventory
from kvmlab.virt.accelerator import accelerator
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.network import Network

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class DaemonState:
    """A daemon of a lab: libvirtd, or a server of the emulated world."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class LabInfo:
    """A row of ``kvmlab ls``.

    Attributes
    ----------
    name
        Name of the lab.
    pid
        Its outermost process; ending it ends the lab.
    uri
        URI for ``virsh -c`` and any other client of libvirt.
    state
        ``running``, or ``degraded`` when one of its daemons ended.
    """

    name: str
    pid: int
    uri: str
    state: str


class Lab:
    """A running lab; made by :meth:`start` or :meth:`attach`.

    Parameters
    ----------
    name
        Its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = lab_dir(name)
        self._connection = Connection(self.uri)
        runners = namespaces.runners(client.init_pid(self.path))
        self.host: LocalRunner = runners["host"]
        self.switch: LocalRunner = runners["switch"]
        self.router: LocalRunner = runners["router"]
        self.pc: LocalRunner = runners["pc"]
        self.internet: LocalRunner = runners["internet"]

    @classmethod
    def start(cls, name: str = "lab", *, progress: Progress | None = None) -> "Lab":
        """Start a lab: namespaces, libvirtd, LAN and internet.

        Parameters
        ----------
        name
            1 to 32 characters: lower-case letters, digits, hyphens.
        progress
            Told the steps; by default they show in the cell or the terminal.

        Raises
        ------
        SpecError
            If the name is not allowed.
        LabError
            If a lab of that name runs.
        HostError
            If this machine does not allow it; `kvmlab doctor` says why.
        """
        if not _NAME.fullmatch(name):
            raise SpecError(
                f"lab name {name!r} is not allowed",
                hint="use 1 to 32 lower-case letters, digits and hyphens, such as 'nat-1'",
            )
        with shown(progress, f"lab {name}") as steps:
            namespaces.start(lab_dir(name), _paths.cache_dir() / "libvirt", steps)
        return cls(name)

    @classmethod
    def attach(cls, name: str = "lab") -> "Lab":
        """Return a lab that runs already, for example after a restart of the kernel.

        Raises
        ------
        LabError
            If no lab of that name runs.
        """
        return cls(name)

    def __repr__(self) -> str:
        return f"Lab({self.name!r}, {self.uri})"

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the lab: one process ends, and all that it held is gone.

        Raises
        ------
        LabError
            If it does not run any more.
        """
        self._connection.close()
        namespaces.stop(self.path)

    @property
    def uri(self) -> str:
        """URI for ``virsh -c`` and any other client of libvirt on this machine."""
        return f"qemu+unix:///system?socket={self.path}/run/libvirt/libvirt-sock"

    @property
    def vir(self) -> Any:
        """The ``libvirt.virConnect`` underneath."""
        return self._connection.vir

    @property
    def accelerator(self) -> str:
        """What guests run on: ``kvm``, or ``tcg`` (emulation)."""
        return accelerator().name

    def daemons(self) -> Table[DaemonState]:
        """Return the lab's daemons and whether they run."""
        return Table([DaemonState(**row) for row in client.request(self.path, op="daemons")])

    def network_state(self, hosts: Sequence[str] = world.HOSTS) -> dict[str, NetworkState]:
        """Return links, addresses, routes and neighbours of the lab's hosts, read through netlink."""
        found = client.request(self.path, op="state", hosts=list(hosts))
        return {host: NetworkState.from_dict(state) for host, state in found.items()}

    @overload
    def define(self, spec: NetworkSpec) -> Network: ...
    @overload
    def define(self, spec: DomainSpec) -> Domain: ...
    def define(self, spec: NetworkSpec | DomainSpec) -> Network | Domain:
        """Define a network or a domain in the lab's libvirt; it is inactive at first.

        A domain gets MAC addresses that follow from the names of lab and
        domain, and a fixed address in each network that serves DHCP.

        Raises
        ------
        SpecError
            If it clashes with what the lab has: a name, a subnet, a bridge, a MAC address.
        LibvirtError
            If libvirt refuses it.
        """
        if isinstance(spec, NetworkSpec):
            return self._define_network(spec)
        return self._define_domain(spec)

    def _define_network(self, spec: NetworkSpec) -> Network:
        present = inventory.networks(self._connection)
        if spec.name in present:
            raise SpecError(f"network {spec.name!r} exists already", hint="undefine() it first")
        spec.check_against(present, reserved={"the LAN": ip_network(world.LAN_SUBNET)})
        with self._connection.translated(f"define network {spec.name!r}") as vir:
            vir.networkDefineXML(spec.to_xml())
        return self.network(spec.name)

    def _define_domain(self, spec: DomainSpec) -> Domain:
        present = inventory.domain_macs(self._connection)
        if spec.name in present:
            raise SpecError(f"domain {spec.name!r} exists already", hint="undefine() it first")
        full = self._with_macs(spec)
        addressing.check_macs(full, present)
        guest = image.find_image()
        log = self.path / "guests" / f"{spec.name}.log"
        xml = full.to_xml(lab=self.name, accelerator=self.accelerator, image=guest, console_log=str(log))
        with self._connection.translated(f"define domain {spec.name!r}") as vir:
            vir.defineXML(xml)
        self._reserve(full)
        return self.domain(spec.name)

    def _with_macs(self, spec: DomainSpec) -> DomainSpec:
        filled = tuple(
            replace(interface, mac=interface.mac or addressing.mac_for(self.name, spec.name, index))
            for index, interface in enumerate(spec.interfaces)
        )
        return replace(spec, interfaces=filled)

    def _reserve(self, spec: DomainSpec) -> None:
        pass

    def network(self, name: str) -> Network:
        """Return the network of that name."""
        return Network(self._connection, name)

    def domain(self, name: str) -> Domain:
        """Return the domain of that name."""
        return Domain(
            self._connection,
            name,
            templates=_paths.cache_dir() / "templates",
            image_digest=image.find_image().digest,
        )

    def networks(self) -> list[Network]:
        """Return the networks of the lab, by name."""
        return [self.network(name) for name in sorted(inventory.networks(self._connection))]

    def domains(self) -> list[Domain]:
        """Return the domains of the lab, by name."""
        return [self.domain(name) for name in sorted(inventory.domain_macs(self._connection))]


def lab_dir(name: str) -> Path:
    """Return the directory of a lab."""
    return labs_dir() / name


def labs_dir() -> Path:
    """Return the directory of all labs of this user."""
    return _paths.state_dir() / "labs"


def start_all(domains: Iterable[Domain], *, instant: bool = True) -> None:
    """Start several domains at once and wait until all are ready."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda domain: domain.start(instant=instant).wait_until_ready(), domains))


def list_labs() -> Table[LabInfo]:
    """Return the labs of this user that run; directories of dead ones are removed."""
    namespaces.discard_dead(labs_dir())
    found = sorted(path for path in labs_dir().glob("*/") if namespaces.is_alive(path))
    return Table([_info(path) for path in found])


def _info(path: Path) -> LabInfo:
    daemons = client.request(path, op="daemons")
    state = "running" if all(d["state"] == "running" for d in daemons) else "degraded"
    uri = f"qemu+unix:///system?socket={path}/run/libvirt/libvirt-sock"
    return LabInfo(path.name, client.outer_pid(client.init_pid(path)), uri, state)
