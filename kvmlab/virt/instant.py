"""Start a domain from a template: find or make the template, start, plug in the NICs."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import libvirt

from kvmlab._progress import Progress
from kvmlab.errors import GuestError
from kvmlab.virt import domain_xml, template
from kvmlab.virt.connection import Connection
from kvmlab.virt.template import Template, TemplateKey


def template_for(name: str, xml: str, *, templates: Path, connection: Connection) -> Template:
    """Return the template that fits a domain; it need not exist yet.

    Raises
    ------
    GuestError
        If a file that it boots is missing.
    """
    boot = domain_xml.facts(xml)
    key = TemplateKey(
        image=_files_digest(name, boot.boot_files),
        machine=boot.machine,
        accelerator=boot.accelerator,
        memory_mib=boot.memory_mib,
        vcpus=boot.vcpus,
        qemu=int(connection.vir.getVersion()),
        devices=domain_xml.devices_digest(xml),
    )
    return Template(templates / key.digest(), boot.memory_mib)


def _files_digest(name: str, files: Iterable[str]) -> str:
    """Return a digest that changes when a file is replaced; their content is too large to read."""
    try:
        stats = [(file, Path(file).stat()) for file in files]
    except OSError as error:
        raise GuestError(
            name,
            f"what it boots is missing: {error.filename}",
            hint="was its image removed or built anew? undefine() the domain and define it again",
        ) from error
    text = repr([(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats])
    return hashlib.sha256(text.encode()).hexdigest()


def make(found: Template, xml: str, *, connection: Connection, progress: Progress) -> None:
    """Boot and save the template if it does not exist yet."""

    def make_xml(name: str, qemu_args: list[str]) -> str:
        return domain_xml.template_xml(xml, name, qemu_args)

    template.ensure(found, make_xml, connection=connection, progress=progress)


def start(found: Template, xml: str, *, connection: Connection) -> Any:
    """Start the domain from its template, without NICs; return the ``virDomain``.

    Raises
    ------
    libvirt.libvirtError
        If libvirt refuses.
    LibvirtError
        If QEMU cannot load the saved state.
    """
    clone = domain_xml.without_interfaces(xml, found.clone_args())
    domain = connection.vir.createXML(clone, libvirt.VIR_DOMAIN_START_PAUSED)
    try:
        template.load(domain, found)
        domain.resume()
    except BaseException:
        domain.destroy()
        raise
    return domain


def plug(domain: Any, xml: str) -> None:
    """Plug the NICs of the XML into the running domain.

    The guest stands still meanwhile and sees them all at once: so their names
    in the guest do not depend on which driver was faster.

    Raises
    ------
    libvirt.libvirtError
        If libvirt refuses.
    """
    nics = domain_xml.interfaces(xml)
    if not nics:
        return
    domain.suspend()
    for nic in nics:
        domain.attachDevice(nic)
    domain.resume()
