"""A domain: libvirt's ``<domain>``."""

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kvmlab.errors import SpecError
from kvmlab.spec import _checks, _devices, guest
from kvmlab.spec.boot import BootFiles, CloudImage, DirectBoot, DiskBoot, disk_elements, os_element
from kvmlab.spec.hostdev import hostdev_element
from kvmlab.spec.identity import uuid_from
from kvmlab.spec.interface import NIC_MODELS, InterfaceSpec
from kvmlab.spec.source import PciDevice

#: Machine types: PCI Express (Intel's chip set of 2009), and conventional PCI (of 1996).
MACHINES = ("q35", "pc")
#: kvmlab's guest image needs this much to boot.
MINIMUM_MEMORY_MIB = 128
#: q35 without an emulated IOMMU (QEMU, hw/i386/pc.c: APIC ids are 8 bits wide).
VCPU_LIMIT = 255
QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
ET.register_namespace("qemu", QEMU_NAMESPACE)

#: CPU under emulation: the fewest features that x86-64 distributions need
#: are the fastest to emulate; other images may ask for x86-64-v2 or -v3.
_TCG_MODEL = "qemu64"
#: Memory for translated code. A boot of kvmlab's guest image fills 60 MiB of it;
#: by default QEMU takes up to 1 GiB for each guest before it begins anew.
_TRANSLATED_MIB = 128
#: libvirt's words for QEMU's CPU models that depend on the machine.
_CPU_MODES = {"": "host-passthrough", "host": "host-passthrough", "max": "maximum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSpec:
    """A domain.

    Parameters
    ----------
    name
        Name of the domain and host name of its guest.
    memory_mib
        Memory in MiB.
    vcpus
        Number of CPUs of the guest.
    interfaces
        Its NICs, in the order in which they are plugged in.
    machine
        One of :data:`MACHINES`.
    boot
        What it boots; None for kvmlab's guest image.
    hostdevs
        PCI devices of the host that it has for itself.
    qemu_args
        Further arguments of QEMU, for what libvirt has no words for (libvirt,
        "QEMU command-line passthrough").

    Raises
    ------
    SpecError
        If something is malformed, missing or too much.

    Examples
    --------
    >>> vm1 = DomainSpec(name="vm1", interfaces=(InterfaceSpec(network="blue"),))
    >>> vm1.interfaces[0].model
    'virtio'
    """

    name: str
    memory_mib: int = 256
    vcpus: int = 1
    interfaces: Sequence[InterfaceSpec] = ()
    machine: str = "q35"
    boot: DirectBoot | DiskBoot | CloudImage | None = None
    hostdevs: Sequence[PciDevice] = ()
    qemu_args: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "interfaces", tuple(self.interfaces))
        object.__setattr__(self, "hostdevs", tuple(self.hostdevs))
        object.__setattr__(self, "qemu_args", tuple(self.qemu_args))
        _checks.check_name("domain", self.name)
        what = f"domain {self.name!r}"
        _checks.check_minimum(
            f"{what}: memory",
            self.memory_mib,
            MINIMUM_MEMORY_MIB,
            unit=" MiB",
            hint="the guest does not boot with less",
        )
        _checks.check_minimum(f"{what}: number of CPUs", self.vcpus, 1, hint="a guest needs a CPU")
        if self.vcpus > VCPU_LIMIT:
            raise SpecError(f"{what}: {self.vcpus} CPUs are too many", hint=f"at most {VCPU_LIMIT}")
        if self.machine not in MACHINES:
            raise SpecError(
                f"{what}: machine {self.machine!r} is unknown", hint=f"one of {', '.join(MACHINES)}"
            )
        self._check_slots()
        _check_twice(what, "MAC address", (nic.mac for nic in self.interfaces))
        _check_twice(what, "PCI device", (device.address for device in self.hostdevs))
        _check_twice(what, "tap name", (nic.target for nic in self.interfaces))
        _check_twice(
            what, "address", (nic.address and f"{nic.address} of {nic.network}" for nic in self.interfaces)
        )

    def _check_slots(self) -> None:
        limits = {"pcie": _devices.PCIE_NICS, "pci": _devices.PCI_NICS}
        names = {"pcie": "PCI Express", "pci": "conventional PCI"}
        for bus, limit in limits.items():
            count = sum(
                self.machine == "q35" and NIC_MODELS[nic.model].slot == bus for nic in self.interfaces
            )
            if count > limit:
                raise SpecError(
                    f"domain {self.name!r}: {count} NICs need a {names[bus]} slot, there are {limit}",
                    hint="spread them over several domains, or mix models: "
                    "virtio is PCI Express, rtl8139 conventional PCI",
                )
        limit = sum(limits.values())
        if len(self.interfaces) > limit:
            raise SpecError(
                f"domain {self.name!r}: {len(self.interfaces)} NICs are too many, there are {limit} slots",
                hint="spread them over several domains",
            )

    def uuid(self, lab: str) -> uuid.UUID:
        """Return the domain's UUID, which follows from the names of lab and domain.

        Examples
        --------
        >>> DomainSpec(name="vm1").uuid("nat")
        UUID('5f8a30a6-a2a4-5570-8440-39d617340bb2')
        """
        return uuid_from(lab, self.name)

    def _what_boots(self, image: BootFiles | None) -> BootFiles | DiskBoot:
        boot = self.boot or image
        if boot is None:
            raise SpecError(f"domain {self.name!r} has nothing to boot", hint="give boot or a guest image")
        if isinstance(boot, CloudImage):
            raise SpecError(
                f"domain {self.name!r}: its disk is not made yet",
                hint="Lab.define() makes it from the cloud image",
            )
        return boot

    def to_element(
        self,
        *,
        lab: str,
        accelerator: str,
        image: BootFiles | None = None,
        console_log: str = "",
        cpu_model: str = "",
    ) -> ET.Element:
        """Return libvirt's ``<domain>`` element; see :meth:`to_xml`."""
        boot = self._what_boots(image)
        domain = ET.Element("domain", type="kvm" if accelerator == "kvm" else "qemu")
        ET.SubElement(domain, "name").text = self.name
        ET.SubElement(domain, "uuid").text = str(self.uuid(lab))
        ET.SubElement(domain, "memory", unit="MiB").text = str(self.memory_mib)
        ET.SubElement(domain, "vcpu").text = str(self.vcpus)
        domain.append(os_element(boot, self.machine))
        if self.boot is None:
            self._add_identity(domain)
        domain.append(_features_element(accelerator, own_image=self.boot is None))
        domain.append(_cpu_element(accelerator, cpu_model, boot))
        ET.SubElement(domain, "clock", offset="utc")
        # A guest that panics stops where it is, so that it can be looked at.
        ET.SubElement(domain, "on_crash").text = "preserve"
        devices = ET.SubElement(domain, "devices")
        devices.extend(disk_elements(boot))
        devices.extend(_devices.pci_elements(self.machine))
        devices.extend(interface.to_element() for interface in self.interfaces)
        devices.extend(map(hostdev_element, self.hostdevs))
        own_image = self.boot is None
        devices.extend(_devices.other_elements(console_log, own_image=own_image, agent=_has_agent(boot)))
        _devices.place(devices)
        if self.qemu_args:
            commandline = ET.SubElement(domain, f"{{{QEMU_NAMESPACE}}}commandline")
            for value in self.qemu_args:
                ET.SubElement(commandline, f"{{{QEMU_NAMESPACE}}}arg", value=value)
        return domain

    def _add_identity(self, domain: ET.Element) -> None:
        """Tell kvmlab's guest image its host name, and the order of its NICs where all have a MAC address."""
        cmdline = domain.find("./os/cmdline")
        macs = [nic.mac for nic in self.interfaces if nic.mac is not None]
        if cmdline is not None:
            known = macs if len(macs) == len(self.interfaces) else []
            cmdline.text = " ".join([cmdline.text or "", *guest.identity_words(self.name, known)])

    def to_xml(
        self,
        *,
        lab: str,
        accelerator: str,
        image: BootFiles | None = None,
        console_log: str = "",
        cpu_model: str = "",
    ) -> str:
        """Return the XML that ``virsh define`` would read.

        Parameters
        ----------
        lab
            Name of the lab; the UUID follows from it.
        accelerator
            ``kvm``, or ``tcg`` (emulation).
        image
            Guest image to boot when the description has no ``boot`` of its own.
        console_log
            File that the serial console is also written to.
        cpu_model
            CPU under KVM in QEMU's words; empty for ``host``, this machine's own.

        Raises
        ------
        SpecError
            If there is nothing to boot.
        """
        element = self.to_element(
            lab=lab, accelerator=accelerator, image=image, console_log=console_log, cpu_model=cpu_model
        )
        ET.indent(element)
        return ET.tostring(element, encoding="unicode")


def _features_element(accelerator: str, *, own_image: bool) -> ET.Element:
    features = ET.Element("features")
    ET.SubElement(features, "acpi")
    if accelerator != "kvm" and own_image:
        cache = ET.SubElement(ET.SubElement(features, "tcg"), "tb-cache", unit="MiB")
        cache.text = str(_TRANSLATED_MIB)
    return features


def _cpu_element(accelerator: str, cpu_model: str, boot: BootFiles | DiskBoot) -> ET.Element:
    if accelerator == "kvm" and cpu_model in _CPU_MODES:
        return ET.Element("cpu", mode=_CPU_MODES[cpu_model])
    if accelerator != "kvm" and isinstance(boot, DiskBoot):
        return ET.Element("cpu", mode="maximum")
    cpu = ET.Element("cpu", mode="custom", match="exact", check="none")
    ET.SubElement(cpu, "model").text = cpu_model if accelerator == "kvm" else _TCG_MODEL
    return cpu


def _has_agent(boot: BootFiles | DiskBoot) -> bool:
    """Tell whether a guest agent answers; kvmlab's own images and those made like them have one."""
    return boot.agent if isinstance(boot, DiskBoot) else True


def _check_twice(what: str, kind: str, values: Iterable[str | None]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise SpecError(
                f"{what}: {kind} {value} occurs twice", hint="leave it out, or give each NIC its own"
            )
        if value is not None:
            seen.add(value)
