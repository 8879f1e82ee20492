"""A running lab: the object that a notebook holds."""

import contextlib
import importlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from types import TracebackType
from typing import Any, overload

from kvmlab import _paths, image
from kvmlab._progress import Progress, Silent, shown
from kvmlab._repr import Table
from kvmlab._run import LocalRunner
from kvmlab.errors import KvmlabError, LabError
from kvmlab.host import client, directory, firewall, namespaces, runner, world
from kvmlab.host.firewall import RuleSet
from kvmlab.host.links import NetworkState
from kvmlab.lab import definition, pruning
from kvmlab.lab.definition import Surroundings
from kvmlab.lab.places import check_lab_name, lab_dir, lab_uri
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.hostdev import PciPoolSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.topology import GuestNic
from kvmlab.virt import inventory, saved
from kvmlab.virt.accelerator import Accelerator, accelerator
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.network import Network


@dataclass(frozen=True, slots=True)
class DaemonState:
    """A daemon of a lab: libvirtd, or a server of the emulated world."""

    name: str
    state: str


class Lab:
    """A running lab; made by :meth:`start` or :meth:`attach`.

    Its hosts run commands: ``lab.host`` (the KVM host), ``lab.switch``,
    ``lab.router``, ``lab.pc`` and ``lab.internet``.

    Parameters
    ----------
    name
        Its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = lab_dir(name)
        self._guests_run_on: Accelerator | None = None
        self._connection = Connection(self.uri)
        hosts = runner.runners(self.path)
        self.host: LocalRunner = hosts["host"]
        self.switch: LocalRunner = hosts["switch"]
        self.router: LocalRunner = hosts["router"]
        self.pc: LocalRunner = hosts["pc"]
        self.internet: LocalRunner = hosts["internet"]

    @classmethod
    def start(cls, name: str = "lab", *, replace: bool = False, progress: Progress | None = None) -> "Lab":
        """Start a lab: namespaces, libvirtd, LAN and internet.

        Parameters
        ----------
        name
            1 to 32 characters: lower-case letters, digits, hyphens.
        replace
            First end a lab of that name that still runs, with all that is in it.
        progress
            Told the steps; by default they show in the cell or the terminal.

        Raises
        ------
        SpecError
            If the name is not allowed.
        LabError
            If a lab of that name runs that is not to be replaced.
        HostError
            If this machine does not allow it; `kvmlab doctor` says why.

        Notes
        -----
        Same as ``kvmlab up NAME``.
        """
        check_lab_name(name)
        with shown(progress, f"lab {name}") as steps:
            if replace and directory.is_alive(lab_dir(name)):
                steps.step("ending the one before")
                namespaces.stop(lab_dir(name))
            namespaces.start(lab_dir(name), _paths.personal_cache_dir() / "libvirt", steps)
            try:
                lab = cls(name)
                steps.step("connecting to libvirtd")
                lab.vir  # noqa: B018  (libvirtd answers once all its drivers are ready)
                with contextlib.suppress(KvmlabError):  # a lab without guests needs no image to try KVM with
                    lab._guests_run_on = accelerator(progress=steps)
            except BaseException:  # nobody has it: it would only be in the way
                with contextlib.suppress(LabError):
                    namespaces.stop(lab_dir(name))
                raise
            return lab

    @classmethod
    def attach(cls, name: str = "lab") -> "Lab":
        """Return a lab that runs already, for example after a restart of the kernel.

        Raises
        ------
        LabError
            If no lab of that name runs.
        """
        check_lab_name(name)
        return cls(name)

    def __repr__(self) -> str:
        return f"Lab({self.name!r}, {self.accelerator})"

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(LabError):  # it was stopped in the block, or died
            self.stop()

    def stop(self) -> None:
        """End the lab: one process ends, and all that it held is gone; same as ``kvmlab down NAME``.

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
        return lab_uri(self.path)

    @property
    def vir(self) -> Any:
        """The ``libvirt.virConnect`` underneath."""
        return self._connection.vir

    @property
    def accelerator(self) -> str:
        """What guests run on: ``kvm``, or ``tcg`` (emulation)."""
        return self._accelerator().name

    def _accelerator(self) -> Accelerator:
        if self._guests_run_on is None:
            with shown(None, "accelerator", lasting=False) as steps:
                self._guests_run_on = accelerator(progress=steps)
        return self._guests_run_on

    def daemons(self) -> Table[DaemonState]:
        """Return the lab's daemons and whether they run."""
        return Table([DaemonState(**row) for row in client.request(self.path, op="daemons")])

    def places(self) -> Table[world.Place]:
        """Return the addresses of the emulated world and what answers there."""
        return Table(world.places())

    def network_state(self, hosts: Sequence[str] = world.HOSTS) -> dict[str, NetworkState]:
        """Return links, addresses, routes and neighbours of the lab's hosts, read through netlink."""
        found = client.request(self.path, op="state", hosts=list(hosts))
        return {host: NetworkState.from_dict(state) for host, state in found.items()}

    def firewall_rules(self) -> RuleSet:
        """Return the firewall rules of the KVM host, libvirt's among them.

        Same as ``nft list ruleset`` and ``iptables-save``.
        """
        return firewall.read_rules(self.host)

    def guest_nics(self) -> Table[GuestNic]:
        """Return the NICs of all guests, as libvirt and the guests themselves tell it.

        Same as ``virsh domiflist`` for each domain, and ``ip address`` in each guest.
        """
        facts = inventory.networks(self._connection)
        bridges = {name: network.bridge for name, network in facts.items()}
        rows = _at_once([domain.nics for domain in self.domains()])
        return Table(inventory.with_bridges((nic for nics in rows for nic in nics), bridges))

    @overload
    def define(self, spec: NetworkSpec | PciPoolSpec) -> Network: ...
    @overload
    def define(self, spec: DomainSpec) -> Domain: ...
    def define(self, spec: NetworkSpec | PciPoolSpec | DomainSpec) -> Network | Domain:
        """Define a network or a domain in the lab's libvirt; it is inactive at first.

        A domain gets MAC addresses that follow from the names of lab and
        domain; dnsmasq chooses an address by the MAC address.

        Raises
        ------
        SpecError
            If it clashes with what the lab has (a name, a subnet, a bridge, a MAC address),
            or needs what this machine does not give (macvtap, a PCI device).
        ImageError
            If a domain has no image to boot.
        LibvirtError
            If libvirt refuses it.
        """
        if isinstance(spec, NetworkSpec):
            host = self.network_state(["host"])["host"]
            definition.define_network(self._connection, spec, lab=self.name, host=host)
            return self.network(spec.name)
        if isinstance(spec, PciPoolSpec):
            definition.define_pool(self._connection, spec)
            return self.network(spec.name)
        own_image = image.find_image() if spec.boot is None else None
        if own_image is not None:
            pruning.note_use(own_image.name, self.path)
        around = Surroundings(self.name, self._accelerator(), own_image, self.path / "guests", self.host)
        definition.define_domain(self._connection, spec, around)
        return self.domain(spec.name)

    def break_(
        self, name: str | None = None, *, seed: int | str | None = None, difficulty: str | None = None
    ) -> Any:
        """Put a fault into the lab, to find and to mend; see :func:`kvmlab.break_lab`.

        Parameters
        ----------
        name
            Which fault (:func:`kvmlab.list_faults`); by default a surprise.
        seed
            Decides which fault, and what it befalls; by default chance does for a surprise.
        difficulty
            For a surprise: ``easy``, ``medium`` or ``hard``.

        Returns
        -------
        kvmlab.fault.Broken
            Tells the complaint; later what it was, and mends it.
        """
        # Faults know labs, not the other way round: what is above is found by its public name only.
        return importlib.import_module("kvmlab").break_lab(self, name, seed=seed, difficulty=difficulty)

    def network(self, name: str) -> Network:
        """Return the network of that name."""
        return Network(self._connection, name)

    def domain(self, name: str) -> Domain:
        """Return the domain of that name."""
        return Domain(self._connection, name, templates=saved.templates_dir())

    def networks(self) -> list[Network]:
        """Return the networks of the lab, by name."""
        return [self.network(name) for name in sorted(inventory.networks(self._connection))]

    def domains(self) -> list[Domain]:
        """Return the domains of the lab, by name."""
        return [self.domain(name) for name in sorted(inventory.domain_macs(self._connection))]


def _at_once(actions: Sequence[Callable[[], Iterable[GuestNic]]]) -> list[Iterable[GuestNic]]:
    """Ask several guests at the same time: each takes some hundredths of a second."""
    if not actions:
        return []
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda action: action(), actions))


def start_all(
    domains: Iterable[Domain],
    *,
    instant: bool = True,
    addresses: bool = True,
    progress: Progress | None = None,
) -> None:
    """Start several domains at the same time.

    Parameters
    ----------
    domains
        Domains that are shut off.
    instant
        See :meth:`Domain.start`.
    addresses
        Whether to wait until every NIC has an IPv4 address.
    progress
        Told the steps; by default they show in the cell or the terminal.

    Raises
    ------
    KvmlabError
        The first error of any of them; the others are started all the same.
    """
    found = list(domains)
    with shown(progress, f"guests {', '.join(domain.name for domain in found)}") as steps:
        steps.step("starting", done=0.0)
        with ThreadPoolExecutor(max_workers=max(1, len(found))) as pool:
            waiting = [
                pool.submit(_start_one, domain, instant=instant, addresses=addresses) for domain in found
            ]
            for count, _one in enumerate(as_completed(waiting), 1):
                steps.step(f"{count} of {len(found)} started", done=count / len(found))
        for one in waiting:
            one.result()


def _start_one(domain: Domain, *, instant: bool, addresses: bool) -> None:
    domain.start(instant=instant, progress=Silent())
    if addresses:
        domain.wait_until_ready()
