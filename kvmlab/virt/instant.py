"""Start a domain from a template: find or make the template, start, hot-plug."""

from pathlib import Path

from kvmlab._progress import Progress
from kvmlab.virt import domain_xml, template
from kvmlab.virt.connection import Connection
from kvmlab.virt.template import Template, TemplateKey


def template_for(xml: str, *, templates: Path, image_digest: str, connection: Connection) -> Template:
    """Return the template that fits a domain; it need not exist yet."""
    boot = domain_xml.facts(xml)
    key = TemplateKey(
        image=image_digest,
        machine=boot.machine,
        accelerator=boot.accelerator,
        memory_mib=boot.memory_mib,
        vcpus=boot.vcpus,
        qemu=int(connection.vir.getVersion()),
        devices=domain_xml.devices_digest(xml),
    )
    return Template(templates / key.digest(), boot.memory_mib)


def make(found: Template, xml: str, *, connection: Connection, progress: Progress) -> None:
    """Boot and save the template if it does not exist yet."""

    def make_xml(name: str, qemu_args: list[str]) -> str:
        return domain_xml.template_xml(xml, name, qemu_args)

    template.ensure(found, make_xml, connection=connection, progress=progress)


def start(found: Template, xml: str, *, connection: Connection) -> None:
    """Start the domain from its template and hot-plug its NICs.

    Raises
    ------
    libvirt.libvirtError
        If libvirt refuses.
    LibvirtError
        If QEMU cannot load the saved state.
    """
    clone = domain_xml.without_interfaces(xml, found.clone_args())
    domain = connection.vir.createXML(clone, 0)
    try:
        template.resume(domain, found)
        for interface in domain_xml.interfaces(xml):
            domain.attachDevice(interface)
    except BaseException:
        domain.destroy()
        raise
