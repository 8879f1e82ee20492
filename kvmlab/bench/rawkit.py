"""A guest of kvmlab's, ready to be run by plain QEMU."""

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import LocalRunner
from kvmlab.bench import rawline
from kvmlab.bench.rawguest import RawGuest
from kvmlab.bench.rawline import RawNic
from kvmlab.lab import Lab
from kvmlab.virt import domain_xml, instant
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.saved import templates_dir

#: QEMU's names of the NICs that guests of the bench have.
DRIVERS = ("virtio-net-pci", "rtl8139")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where plain QEMU runs.

    Attributes
    ----------
    host
        Runs its commands.
    folder
        For the sockets of its guests.
    bridge
        Bridge that their taps join.
    """

    host: LocalRunner
    folder: Path
    bridge: str


@dataclass(frozen=True, slots=True)
class RawKit:
    """What plain QEMU needs to run the same guest.

    Attributes
    ----------
    name
        Its name.
    cold
        Command line that boots it with its NICs.
    saved
        Command line that starts it from the saved guest, without NICs.
    state
        File with the saved guest's state.
    nics
        Its NICs, to be plugged in.
    """

    name: str
    cold: Sequence[str]
    saved: Sequence[str]
    state: Path
    nics: Sequence[RawNic]

    @property
    def macs(self) -> list[str]:
        """MAC addresses of its NICs."""
        return [nic.mac for nic in self.nics]

    @classmethod
    def of(cls, lab: Lab, domain: Domain) -> "RawKit":
        """Take the guest's machine from libvirt and the saved guest from kvmlab's cache."""
        xml = domain.xml(inactive=True)
        connection = Connection(lab.uri)
        template = instant.template_for(domain.name, xml, templates=templates_dir(), connection=connection)
        connection.close()
        without = domain_xml.clone_xml(xml, template.clone_args())
        saved = rawline.parse(lab.vir.domainXMLToNative("qemu-argv", without, 0))
        cold = rawline.parse(lab.vir.domainXMLToNative("qemu-argv", xml, 0))
        macs = domain_xml.interface_macs(xml)
        nics = rawline.hotplug(saved, list(zip(DRIVERS, macs, strict=True)))
        return cls(domain.name, cold, saved, template.state, nics)


def boot(kit: RawKit, place: Place, stack: contextlib.ExitStack) -> RawGuest:
    """Boot a guest cold and wait until its agent answers and it sees its NICs.

    Parameters are those of :func:`restore`.
    """
    guest = stack.enter_context(_guest(kit.cold, place))
    guest.wait_links(kit.macs)
    return guest


def restore(kits: Sequence[RawKit], place: Place, stack: contextlib.ExitStack) -> list[RawGuest]:
    """Start guests from the saved one, all at the same time, and wait until they see their NICs.

    Parameters
    ----------
    kits
        One for each guest.
    place
        Where they run.
    stack
        Ends them.
    """
    guests = [stack.enter_context(_guest(kit.saved, place)) for kit in kits]
    for guest, kit in zip(guests, kits, strict=True):
        guest.load(kit.state)
    for guest, kit in zip(guests, kits, strict=True):
        guest.wait_loaded()
        guest.plug(kit.nics)
        guest.resume(instant.identity(kit.name, kit.macs))
    for guest in guests:
        guest.wait_identified()
    return guests


def _guest(argv: Sequence[str], place: Place) -> RawGuest:
    return RawGuest(place.host, place.folder / str(next(_numbers)), argv, bridge=place.bridge)
