"""Start a domain from a template: find or make the template, start, plug in the NICs.

NICs that libvirt cannot plug into a running domain are there from the start, which QEMU allows: it
loads the state of the devices that were saved, and others begin as they do at a boot. The guest's
kernel then has to be told to look for them.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import libvirt

from kvmlab._progress import Progress
from kvmlab.errors import GuestError
from kvmlab.spec import guest
from kvmlab.virt import condition, domain_xml, origin, template, unfinished
from kvmlab.virt.connection import Connection
from kvmlab.virt.origin import Origin, TemplateKey
from kvmlab.virt.port import GuestPort
from kvmlab.virt.template import Template

#: Seconds in which a guest must know who it is and see its NICs, on a busy machine, too.
IDENTITY_BOUND_S = 60.0


def template_for(name: str, xml: str, *, templates: Path, connection: Connection) -> Template:
    """Return the template that fits a domain; it need not exist yet.

    Raises
    ------
    GuestError
        If a file that it boots is missing.
    """
    boot = domain_xml.facts(xml)
    key = TemplateKey(
        image=_image_digest(name, boot.boot_files),
        machine=boot.machine,
        accelerator=boot.accelerator,
        memory_mib=boot.memory_mib,
        vcpus=boot.vcpus,
        qemu=int(connection.vir.getVersion()),
        devices=domain_xml.devices_digest(xml),
    )
    return Template(templates / key.digest(), boot.memory_mib, Origin(key, boot.boot_files))


def _image_digest(name: str, files: Iterable[str]) -> str:
    try:
        return origin.files_digest(files)
    except OSError as error:
        raise GuestError(
            name,
            f"what it boots is missing: {error.filename}",
            hint="was its image removed or built anew? undefine() the domain and define it again",
        ) from error


def make(found: Template, xml: str, *, connection: Connection, progress: Progress) -> None:
    """Boot and save the template if it does not exist yet."""

    def make_xml(name: str, qemu_args: list[str]) -> str:
        return domain_xml.template_xml(xml, name, qemu_args)

    template.ensure(found, make_xml, connection=connection, progress=progress)


def start(found: Template, xml: str, *, connection: Connection) -> None:
    """Start the domain from its template; return when the guest is itself and sees its NICs.

    It stands still until all is there that makes it another guest than the
    saved one, and its NICs are plugged in.

    Raises
    ------
    libvirt.libvirtError
        If libvirt refuses.
    LibvirtError
        If QEMU cannot load the saved state.
    GuestError
        If the guest ended, or did not find its NICs in time.
    """
    clone = unfinished.marked(domain_xml.clone_xml(xml, found.clone_args()))
    domain = connection.vir.createXML(clone, libvirt.VIR_DOMAIN_START_PAUSED)
    try:
        with GuestPort(domain, guest.IDENTITY_PORT) as port:
            template.load(domain, found)
            for nic in domain_xml.pluggable_interfaces(xml):
                domain.attachDevice(nic)
            macs = domain_xml.interface_macs(xml)
            port.send(identity(domain.name(), macs, present=domain_xml.unpluggable_count(xml)))
            domain.resume()
            said = port.receive(timeout_s=IDENTITY_BOUND_S)
            if said != "done":
                raise _unidentified(domain, said)
            unfinished.unmark(domain)
    except BaseException:
        with contextlib.suppress(libvirt.libvirtError):  # it ended already
            domain.destroy()
        raise


def identity(name: str, macs: Sequence[str], *, present: int = 0) -> str:
    """Return the line that tells a guest at this moment who it is; each is another one."""
    return guest.identity_line(name, now=time.time(), seed=os.urandom(32).hex(), macs=macs, present=present)


def _unidentified(domain: Any, said: str | None) -> GuestError:
    if said is not None:
        return GuestError(domain.name(), f"said {said!r} at its start", hint="build its image again")
    return condition.trouble(domain) or GuestError(
        domain.name(),
        f"does not see its NICs after {IDENTITY_BOUND_S:g} s",
        console_tail=condition.console_tail(domain.XMLDesc()),
        hint="has the guest's kernel a driver for each NIC model? does it start with instant=False?",
    )
