"""Whether the machine's own network cards can be handed to guests: told, not needed by any lab."""

import platform
from pathlib import Path

from kvmlab.doctor.report import Check
from kvmlab.host import pci
from kvmlab.host.pci import PciNic

_GRUB = "{0} GRUB_CMDLINE_LINUX in /etc/default/grub, then `sudo update-grub`, and restart"
_WHY = "passes the machine's own PCI devices to guests; no lab needs it"
_VFIO_MODULE = "vfio_pci"


def checks(sys: Path = pci.SYS, *, modules: Path | None = None) -> list[Check]:
    """Return the checks of IOMMU, of VFIO, and of the cards that could be handed on.

    Parameters
    ----------
    sys
        Where sysfs is mounted.
    modules
        Folder of the kernel's modules; that of the running kernel by default.
    """
    groups = pci.iommu_groups(sys)
    found = [_iommu_check(groups, sys)]
    if groups:  # without them nothing else is worth to be told
        found.append(_vfio_check(sys, modules or Path("/lib/modules", platform.release())))
        found.append(_cards_check(list(pci.pci_nics(sys))))
    return found


def _iommu_check(groups: list[int], sys: Path) -> Check:
    if groups:
        return Check("IOMMU", "ok", f"{len(groups)} groups", _WHY)
    tables = sys / "firmware/acpi/tables"  # Intel's and AMD's descriptions of an IOMMU (ACPI)
    if (tables / "DMAR").exists():
        return _no_iommu("no groups, though the firmware has VT-d", _GRUB.format("add intel_iommu=on to"))
    if (tables / "IVRS").exists():
        return _no_iommu(
            "no groups, though the firmware has AMD-Vi",
            _GRUB.format("take amd_iommu=off and iommu=off out of"),
        )
    fix = (
        "switch on VT-d (Intel) or AMD-Vi in the machine's firmware, and intel_iommu=on on the kernel's "
        "command line\na virtual machine has an IOMMU only if its hypervisor emulates one"
    )
    return _no_iommu("no groups, and the firmware offers no IOMMU", fix)


def _no_iommu(observed: str, fix: str) -> Check:
    why = f"{_WHY}; a guest with QEMU's own IOMMU shows the same"
    return Check("IOMMU", "warning", observed, why, fix)


def _vfio_check(sys: Path, modules: Path) -> Check:
    why = "the driver that hands a PCI device to a guest (Linux, driver-api/vfio)"
    loaded = (sys / "bus/pci/drivers" / pci.VFIO_DRIVER).exists()
    if loaded or _has_module(modules):
        return Check(pci.VFIO_DRIVER, "ok", "is loaded" if loaded else "is there", why)
    fix = "sudo modprobe vfio-pci; the distribution's standard kernel has it (CONFIG_VFIO_PCI)"
    return Check(pci.VFIO_DRIVER, "warning", "the kernel does not have it", why, fix)


def _has_module(modules: Path) -> bool:
    lists = (modules / name for name in ("modules.dep", "modules.builtin"))
    texts = [path.read_text(encoding="utf-8") for path in lists if path.exists()]
    return any(f"/{_VFIO_MODULE.replace('_', sign)}.ko" in text for text in texts for sign in "_-")


def _cards_check(nics: list[PciNic]) -> Check:
    free = [nic.address for nic in nics if not nic.obstacle]
    able = {nic.address: nic.total_vfs for nic in nics if nic.total_vfs}
    why = "cards for guests; SR-IOV makes several virtual functions of one"
    sriov = ", ".join(f"{address} up to {count} virtual functions" for address, count in able.items())
    observed = f"{len(nics)} PCI cards, free for a guest: {', '.join(free) or 'none'}; "
    observed += f"SR-IOV: {sriov or 'none'}"
    if free:
        return Check("network cards", "ok", observed, why)
    reasons = "\n".join(f"{nic.address}: {nic.obstacle}" for nic in nics)
    return Check("network cards", "warning", observed, why, reasons)
