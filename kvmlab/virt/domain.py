"""A libvirt domain and the guest inside it."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt

from kvmlab._progress import Progress, shown
from kvmlab._repr import Table
from kvmlab._run import Completed
from kvmlab.errors import BootTimeout, CommandTimeout, GuestError, KvmlabError, Timeout
from kvmlab.topology import GuestNic
from kvmlab.virt import condition, domain_xml, guest_link, guest_nics, inventory, unfinished
from kvmlab.virt import instant as instant_start
from kvmlab.virt.agent import Agent
from kvmlab.virt.connection import Connection
from kvmlab.virt.guest_link import GuestLink
from kvmlab.virt.leases import leased
from kvmlab.virt.network import Network

#: Seconds in which a guest must have booted: kvmlab's image, and a disk, where
#: a distribution's first boot is slow on emulation.
BOOT_BOUND_S, DISK_BOOT_BOUND_S = 300.0, 900.0
#: Seconds in which each NIC of a guest that answers must have an address.
READY_BOUND_S = 30.0
#: Seconds in which a hot-plugged NIC must be seen by the guest.
HOTPLUG_BOUND_S = 30.0
#: Seconds after which a guest is taken for silent, as one is that still boots.
SILENT_S = 2
#: Seconds between two looks at a guest that boots; each takes some thousandths of the CPU that it needs.
LOOK_S = 0.05


class Domain:
    """A domain; its verbs are libvirt's, and it runs commands in its guest.

    Parameters
    ----------
    connection
        Libvirt that has it.
    name
        Its name.
    templates
        Directory of saved guests for instant starts.
    """

    def __init__(self, connection: Connection, name: str, *, templates: Path) -> None:
        self._connection = connection
        self.name = name
        self._templates = templates
        self._agent = Agent(connection, name)

    def __repr__(self) -> str:
        return f"Domain({self.name!r}, {self.state}, {self.accelerator})"

    @property
    def uri(self) -> str:
        """URI of the libvirt that has it."""
        return self._connection.uri

    @property
    def vir(self) -> Any:
        """The ``libvirt.virDomain`` underneath."""
        with self._connection.translated(f"find domain {self.name!r}") as vir:
            return vir.lookupByName(self.name)

    @property
    def state(self) -> str:
        """Its state in libvirt's words; same as ``virsh domstate NAME``."""
        with self._connection.translated(f"look at domain {self.name!r}"):
            return condition.state(self.vir)

    @property
    def is_active(self) -> bool:
        """Whether it runs (or is paused)."""
        with self._connection.translated(f"look at domain {self.name!r}"):
            return bool(self.vir.isActive())

    @property
    def accelerator(self) -> str:
        """``kvm`` or ``tcg`` (emulation)."""
        return domain_xml.facts(self.xml()).accelerator

    def xml(self, *, inactive: bool = False) -> str:
        """Return its XML as libvirt has it; same as ``virsh dumpxml [--inactive] NAME``."""
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0
        with self._connection.translated(f"read domain {self.name!r}"):
            return str(self.vir.XMLDesc(flags))

    def start(
        self, *, instant: bool = True, networks: bool = False, progress: Progress | None = None
    ) -> "Domain":
        """Start it and wait until the guest answers and sees all its NICs.

        A guest without an agent cannot answer: it boots on while this returns;
        :meth:`wait_until_ready` waits for its addresses.

        Parameters
        ----------
        instant
            Start from a saved guest and add the NICs; otherwise boot cold. A
            domain that boots anything else than kvmlab's guest image, or has
            a card of the host, always boots cold.
        networks
            Start its networks first where they are not started.
        progress
            Told the steps.

        Raises
        ------
        GuestError
            If it runs already, or one of its networks is not started.
        LibvirtError
            If libvirt refuses.
        BootTimeout
            If the guest does not answer in time; it is destroyed first.
        """
        self._end_abandoned()
        if self.is_active:
            state = self.state
            how = "runs already" if state == "running" else f"is {state}"
            raise GuestError(self.name, how, hint="destroy() it first")
        xml = self.xml(inactive=True)
        facts = domain_xml.facts(xml)
        with shown(progress, f"guest {self.name}") as steps, self._networks_active(xml, start=networks):
            try:
                if instant and facts.has_identity_port and facts.copyable:
                    self._start_instant(xml, steps)
                else:
                    self._start_cold(facts, steps)
            except BaseException:
                # What was started halfway goes; if it runs no more, there is nothing to do.
                with contextlib.suppress(KvmlabError):
                    self.destroy()
                raise
        return self

    def _end_abandoned(self) -> None:
        """End what a process left that was killed while it started this guest."""
        if self.state == "paused" and unfinished.is_abandoned(self.xml()):
            self.destroy()

    @contextlib.contextmanager
    def _networks_active(self, xml: str, *, start: bool) -> Iterator[None]:
        """See that its networks are started; if what follows fails, those started here are stopped again."""
        missing = [
            Network(self._connection, name) for name in inventory.inactive_networks(self._connection, xml)
        ]
        if missing and not start:
            names = " and ".join(repr(network.name) for network in missing)
            raise GuestError(
                self.name,
                f"its network {names} is not started",
                hint=f"lab.network({missing[0].name!r}).start() first, or start(networks=True)",
            )
        started: list[Network] = []
        try:
            started += (network.start() for network in missing)
            yield
        except BaseException:
            with contextlib.suppress(KvmlabError):
                for network in started:
                    network.destroy(force=True)
            raise

    def _start_cold(self, facts: domain_xml.DomainFacts, steps: Progress) -> None:
        steps.step("booting")
        with self._connection.translated(f"start domain {self.name!r}"):
            self.vir.create()
        if facts.has_agent:
            self._wait_for_agent(BOOT_BOUND_S if facts.direct_boot else DISK_BOOT_BOUND_S)
            self._wait_for_links()

    def _start_instant(self, xml: str, steps: Progress) -> None:
        found = instant_start.template_for(
            self.name, xml, templates=self._templates, connection=self._connection
        )
        instant_start.make(found, xml, connection=self._connection, progress=steps)
        steps.step("starting from the saved guest")
        with self._connection.translated(f"start domain {self.name!r}"):
            instant_start.start(found, xml, connection=self._connection)

    def _wait_for_agent(self, bound_s: float = BOOT_BOUND_S) -> None:
        deadline = time.monotonic() + bound_s
        while not self._agent.answers():
            self._check_runs()
            if time.monotonic() > deadline:
                raise BootTimeout(
                    f"guest {self.name!r} did not answer after its start",
                    after_s=bound_s,
                    console_tail=self.console_tail(),
                    hint="is qemu-guest-agent in its image? else define it with agent=False; or more memory",
                )
            time.sleep(LOOK_S)

    def _wait_for_links(self) -> None:
        wanted = set(domain_xml.interface_macs(self.xml()))
        deadline = time.monotonic() + HOTPLUG_BOUND_S
        while missing := wanted - {link.mac for link in self.links()}:
            if time.monotonic() > deadline:
                raise GuestError(
                    self.name,
                    f"does not see its NIC {', '.join(sorted(missing))} after {HOTPLUG_BOUND_S:g} s",
                    console_tail=self.console_tail(),
                    hint="has the guest's kernel a driver for this NIC model?",
                )
            time.sleep(0.02)

    def links(self) -> Table[GuestLink]:
        """Return the guest's NICs, in the order of their names, as its agent reports them."""
        return Table(guest_link.from_agent(self._agent.command("guest-network-get-interfaces")))

    def nics(self) -> Table[GuestNic]:
        """Return its NICs, as libvirt and the guest itself tell it.

        In the order of the domain's XML. Same as ``virsh domiflist NAME``,
        and ``ip address`` and ``ethtool -i`` in the guest; of a guest without
        an agent the addresses are those of ``virsh net-dhcp-leases``.
        """
        found = guest_nics.from_xml(self.name, self.state, self.xml())
        if not domain_xml.facts(self.xml()).has_agent:
            known = self._leased()
            return Table(
                replace(nic, addresses=known[nic.mac], told_by="leases") if nic.mac in known else nic
                for nic in found
            )
        if found and found[0].state == "running" and self._agent.answers(timeout_s=SILENT_S):
            with contextlib.suppress(GuestError, CommandTimeout):  # without its agent the guest is silent
                said = self._agent.run(guest_nics.ASK, timeout_s=10.0, stdin="").check().stdout
                found = guest_nics.with_guest_view(found, said)
        return Table(found)

    def wait_until_ready(self, *, timeout_s: float | None = None) -> "Domain":
        """Wait until every NIC of the guest has an IPv4 address.

        Of a guest without an agent it is known only in networks that serve
        DHCP, from their leases; other NICs are not waited for.

        Parameters
        ----------
        timeout_s
            Seconds to wait; by default 30, and 900 for a guest without an
            agent, which may still boot.

        Raises
        ------
        Timeout
            If one has none in time; the message names it.
        """
        has_agent = domain_xml.facts(self.xml()).has_agent
        bound_s = timeout_s or (READY_BOUND_S if has_agent else DISK_BOOT_BOUND_S)
        deadline = time.monotonic() + bound_s
        while bare := self._without_address(has_agent=has_agent):
            self._check_runs()
            if time.monotonic() > deadline:
                raise Timeout(
                    f"guest {self.name!r} has no IPv4 address on {', '.join(bare)}",
                    after_s=bound_s,
                    hint="is its network started, does it serve DHCP (see `virsh net-dhcp-leases`), "
                    "and has the guest's kernel a driver for the NIC?",
                )
            time.sleep(0.03)
        return self

    def _without_address(self, *, has_agent: bool) -> list[str]:
        if has_agent:
            return [f"{link.name} ({link.mac})" for link in self.links() if not link.ipv4]
        return [mac for mac, known in self._leased().items() if not known]

    def _leased(self) -> dict[str, tuple[str, ...]]:
        return leased(self._connection, self.xml())

    def _check_runs(self) -> None:
        with self._connection.translated(f"look at domain {self.name!r}"):
            if trouble := condition.trouble(self.vir):
                raise trouble

    @property
    def address(self) -> str:
        """The guest's first IPv4 address, without prefix length; empty if none is known."""
        if not domain_xml.facts(self.xml()).has_agent:
            return next((known[0].split("/")[0] for known in self._leased().values() if known), "")
        return next((link.ipv4 for link in self.links() if link.ipv4), "")

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout_s: float = 60.0,
        stdin: str = "",
        quiet_s: float = 0.0,
    ) -> Completed:
        """Run a command in the guest; see :meth:`kvmlab.Runner.run`."""
        done = self._agent.run(argv, timeout_s=timeout_s, stdin=stdin, quiet_s=quiet_s)
        return done.check() if check else done

    def stream(self, argv: Sequence[str], *, timeout_s: float = 3600.0) -> Iterator[str]:
        """Yield a command's lines of output as they come; see :meth:`kvmlab.Runner.stream`."""
        return self._agent.stream(argv, timeout_s=timeout_s)

    def shutdown(self, *, timeout_s: float = 60.0) -> None:
        """Ask the guest to shut down and wait for it; same as ``virsh shutdown NAME``.

        Raises
        ------
        Timeout
            If it still runs after ``timeout_s`` seconds.
        GuestError
            If it does not run, or crashed.
        """
        self._check_runs()
        with self._connection.translated(f"shut down domain {self.name!r}"):
            self.vir.shutdown()
            condition.wait_until_off(self.vir, timeout_s)

    def suspend(self) -> None:
        """Stop its CPUs and keep all else; same as ``virsh suspend NAME``."""
        with self._connection.translated(f"suspend domain {self.name!r}"):
            self.vir.suspend()

    def resume(self) -> None:
        """Let a suspended one go on; same as ``virsh resume NAME``."""
        with self._connection.translated(f"resume domain {self.name!r}"):
            self.vir.resume()

    def destroy(self) -> None:
        """Pull the plug; same as ``virsh destroy NAME``."""
        with self._connection.translated(f"destroy domain {self.name!r}"):
            self.vir.destroy()

    def undefine(self) -> None:
        """Forget it, and unless it still runs, the addresses reserved for it; ``virsh undefine NAME``."""
        macs = () if self.is_active else domain_xml.interface_macs(self.xml())
        with self._connection.translated(f"undefine domain {self.name!r}"):
            self.vir.undefine()
        for network, reservation in inventory.reservations_of(self._connection, macs):
            Network(self._connection, network).release(reservation)

    def console_tail(self, *, lines: int = condition.TAIL_LINES) -> str:
        """Return the last lines that its serial console printed; empty without a log.

        Of a kernel that panicked it is the lines from there on.
        """
        return condition.console_tail(self.xml(), lines=lines)
