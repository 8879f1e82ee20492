"""What a domain boots: kvmlab's guest image by default, a cloud image, or the learner's own files."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from kvmlab.errors import SpecError


class BootFiles(Protocol):
    """What a direct kernel boot needs of a guest image."""

    @property
    def kernel(self) -> Path:
        """Kernel that QEMU can load."""
        ...

    @property
    def initrd(self) -> Path:
        """First boot stage."""
        ...

    @property
    def root(self) -> Path:
        """Image of the root file system; guests only read it."""
        ...

    @property
    def cmdline(self) -> str:
        """Kernel command line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectBoot:
    """Boot a kernel without a boot loader; the root file system is read-only.

    Parameters
    ----------
    kernel, initrd
        Files that QEMU loads.
    root
        Raw image of the root file system, the guest's ``/dev/vda``.
    cmdline
        Kernel command line.

    Notes
    -----
    libvirt's "Direct kernel boot" (formatdomain).
    """

    kernel: Path
    initrd: Path
    root: Path
    cmdline: str = "console=ttyS0"

    def __post_init__(self) -> None:
        for what in ("kernel", "initrd", "root"):
            object.__setattr__(self, what, _absolute(what, getattr(self, what)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskBoot:
    """Boot from a disk with its own boot loader, such as a cloud image.

    Parameters
    ----------
    disk
        Disk that the guest writes to.
    disk_format
        ``qcow2`` or ``raw``.
    seed
        Disk with the configuration that cloud-init reads (NoCloud); None for no such disk.
    agent
        Whether qemu-guest-agent is installed on the disk: a start waits for
        it, and commands are run through it.

    Notes
    -----
    cloud-init, "NoCloud": a file system labelled ``cidata``.
    """

    disk: Path
    disk_format: Literal["qcow2", "raw"] = "qcow2"
    seed: Path | None = None
    agent: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "disk", _absolute("disk", self.disk))
        if self.seed is not None:
            object.__setattr__(self, "seed", _absolute("seed", self.seed))
        if self.disk_format not in ("qcow2", "raw"):
            raise SpecError(f"disk format {self.disk_format!r} is unknown", hint="qcow2 or raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudImage:
    """Boot the disk image of a distribution that sets itself up with cloud-init.

    The file is only read: the guest writes to a layer over it, which is gone
    with the lab. At its first boot the guest is told its host name, to ask for
    an address by DHCP on each NIC, and who may log in; nothing is installed.

    Parameters
    ----------
    image
        Disk image in the format qcow2 or raw, which boots by BIOS.
    password
        Password of the image's own user (such as ``debian`` or ``ubuntu``);
        empty for none.
    ssh_key
        Public key for ssh with that user; empty for none.
    agent
        Whether qemu-guest-agent is installed in the image: a start then waits
        for it, and commands can be run. Debian's and Ubuntu's images have
        none; such a guest is reached by its console and by the network.

    Raises
    ------
    SpecError
        If the path is relative or the key has more than one line.

    Examples
    --------
    >>> CloudImage(image="/srv/debian-12-generic-amd64.qcow2", password="learn").agent
    False
    """

    image: Path
    password: str = ""
    ssh_key: str = ""
    agent: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", _absolute("cloud image", self.image))
        object.__setattr__(self, "ssh_key", self.ssh_key.strip())
        if "\n" in self.ssh_key:
            raise SpecError(
                "the ssh key has more than one line", hint="give the public key, as in id_ed25519.pub"
            )


def _absolute(what: str, path: Path | str) -> Path:
    """Refuse a relative path: libvirtd has another working directory."""
    if not Path(path).is_absolute():
        raise SpecError(f"{what} {str(path)!r} is a relative path", hint="write it from / on")
    return Path(path)


def os_element(boot: BootFiles | DiskBoot, machine: str) -> ET.Element:
    """Return libvirt's ``<os>`` element."""
    element = ET.Element("os")
    ET.SubElement(element, "type", arch="x86_64", machine=machine).text = "hvm"
    if isinstance(boot, DiskBoot):
        ET.SubElement(element, "boot", dev="hd")
    else:
        ET.SubElement(element, "kernel").text = str(boot.kernel)
        ET.SubElement(element, "initrd").text = str(boot.initrd)
        ET.SubElement(element, "cmdline").text = boot.cmdline
    return element


def disk_elements(boot: BootFiles | DiskBoot) -> list[ET.Element]:
    """Return libvirt's ``<disk>`` elements."""
    if not isinstance(boot, DiskBoot):
        return [_disk(boot.root, "vda", disk_format="raw", access="read")]
    disks = [_disk(boot.disk, "vda", disk_format=boot.disk_format, access="write")]
    if boot.seed is not None:
        disks.append(_disk(boot.seed, "vdb", disk_format="raw", access="read"))
    return disks


def _disk(path: Path, target: str, *, disk_format: str, access: Literal["read", "write"]) -> ET.Element:
    disk = ET.Element("disk", type="file", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type=disk_format)
    ET.SubElement(disk, "source", file=str(path))
    ET.SubElement(disk, "target", dev=target, bus="virtio")
    if access == "read":
        ET.SubElement(disk, "readonly")
    return disk
