"""Which network cards of the machine can be handed to a guest whole (PCI passthrough, SR-IOV).

Read from sysfs; nothing is changed. VFIO hands on whole IOMMU groups: the
devices in one group can reach each other behind the IOMMU's back (Linux,
driver-api/vfio.rst).
"""

from dataclasses import dataclass, replace
from pathlib import Path

from kvmlab._repr import Table

SYS = Path("/sys")
#: Classes of PCI devices (PCI Code and ID Assignment): network controllers, and bridges,
#: whose driver may keep them when the rest of their group is handed on.
_NETWORK, _BRIDGE = "0x02", "0x06"
#: Driver that hands a device on.
VFIO_DRIVER = "vfio-pci"


@dataclass(frozen=True, slots=True)
class PciNic:
    """A network card of the machine, on its PCI bus.

    Attributes
    ----------
    address
        As ``lspci -D`` prints it.
    pci_id
        Vendor and device, as ``lspci -n`` prints it.
    driver
        Kernel driver that has it; empty for none.
    links
        Its links, as ``ip link`` calls them here.
    iommu_group
        Number of its IOMMU group; None where there is no IOMMU.
    companions
        Other devices of that group that would have to go with it.
    vfs, total_vfs
        SR-IOV: virtual functions that it has now, and that it can have.
    is_vf
        Whether it is a virtual function itself.
    is_up
        Whether one of its links is set up: the machine uses it.
    obstacle
        Why it cannot be handed to a guest; empty if it can.
    """

    address: str
    pci_id: str
    driver: str
    links: tuple[str, ...]
    iommu_group: int | None
    companions: tuple[str, ...]
    vfs: int
    total_vfs: int
    is_vf: bool
    is_up: bool
    obstacle: str = ""


def iommu_groups(sys: Path = SYS) -> list[int]:
    """Return the numbers of the machine's IOMMU groups; empty where there is no IOMMU in use."""
    return sorted(int(path.name) for path in (sys / "kernel/iommu_groups").glob("[0-9]*"))


def pci_nics(sys: Path = SYS) -> Table[PciNic]:
    """Return the machine's own PCI network cards, by address, and what keeps each from being handed on.

    Parameters
    ----------
    sys
        Where sysfs is mounted.

    Notes
    -----
    Same as ``lspci -Dnn -d ::02xx``, and ``/sys/kernel/iommu_groups``.
    """
    devices = sorted((sys / "bus/pci/devices").glob("*"))
    return Table(_nic(device, sys) for device in devices if _text(device / "class").startswith(_NETWORK))


def _nic(device: Path, sys: Path) -> PciNic:
    group = _target(device / "iommu_group")
    links = sorted((*device.glob("net/*"), *device.glob("virtio*/net/*")))
    nic = PciNic(
        address=device.name,
        pci_id=f"{_text(device / 'vendor')[2:]}:{_text(device / 'device')[2:]}",
        driver=_target(device / "driver"),
        links=tuple(link.name for link in links),
        iommu_group=int(group) if group else None,
        companions=_companions(sys / "kernel/iommu_groups" / group / "devices", device.name) if group else (),
        vfs=int(_text(device / "sriov_numvfs") or "0"),
        total_vfs=int(_text(device / "sriov_totalvfs") or "0"),
        is_vf=bool(_target(device / "physfn")),
        is_up=any(_is_up(link / "flags") for link in links),
    )
    return replace(nic, obstacle=_obstacle(nic))


def _obstacle(nic: PciNic) -> str:
    if nic.iommu_group is None:
        return "in no IOMMU group: the machine has no IOMMU, or it is switched off"
    if nic.companions:
        return f"its IOMMU group {nic.iommu_group} has {', '.join(nic.companions)} in it, too"
    if nic.is_up:
        return f"the machine uses it as {', '.join(nic.links)}"
    return ""


def _companions(group: Path, own: str) -> tuple[str, ...]:
    others = (path for path in sorted(group.glob("*")) if path.name != own)
    return tuple(path.name for path in others if not _text(path / "class").startswith(_BRIDGE))


def _is_up(flags: Path) -> bool:
    return bool(int(_text(flags) or "0", 16) & 1)  # IFF_UP, linux/if.h


def _text(path: Path) -> str:
    """Return what a file of sysfs says; empty if there is none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _target(link: Path) -> str:
    """Return the last part of where a link of sysfs leads; empty if there is none."""
    try:
        return link.readlink().name
    except OSError:
        return ""
