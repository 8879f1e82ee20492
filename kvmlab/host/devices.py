"""The device nodes of a lab that runs as real root: a /dev of its own.

macvtap hands its frames to whoever opens ``/dev/tapN``, where *N* is the
number of the link. devtmpfs, which makes these nodes, is one for the whole
machine, but links are numbered anew in each network namespace: of two labs
with a macvtap number 4, both would find the node of the first one, and the
guest of the second would be plugged into the first one's LAN. So a lab has
its own /dev, and its own nodes in it, made when the kernel tells of them
(udev does the same on a machine; the messages are those of uevents,
Documentation/driver-api/driver-model in the kernel, netlink(7)).

Without real root nobody may make nodes, nor open those of macvtap.
"""

import os
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from kvmlab.host import kernel

#: What programs in a lab open: mem(4), tty(4), pts(4), and what QEMU and libvirt do.
NODES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "net/tun", "kvm", "vhost-net")
LINKS = ("fd", "stdin", "stdout", "stderr", "core")
#: Folders whose content comes and goes with what the machine has.
FOLDERS = ("pts", "vfio")
#: Mount points of file systems that a lab has of its own.
EMPTY = ("shm", "mqueue")
#: Classes of links whose frames a program reads from a node.
CLASSES = ("macvtap", "ipvtap")

_KOBJECT_UEVENT = 15  # linux/netlink.h
_KERNEL_GROUP = 1  # what the kernel itself sends; udev's own messages have another
_MESSAGE_BYTES = 8192


def may_make_nodes(folder: Path) -> bool:
    """Tell whether this process may make device nodes (mknod(2), EPERM)."""
    trial = folder / "node"
    try:
        os.mknod(trial, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        return False
    trial.unlink()
    return True


def mount_own(folder: Path, machine: Path = Path("/dev")) -> None:
    """Put a /dev of the lab's own in the place of the machine's.

    Parameters
    ----------
    folder
        Where it is put together; an empty folder.
    machine
        The machine's /dev, which is covered.

    Raises
    ------
    OSError
        If a mount or a node is refused.
    """
    kernel.mount("tmpfs", folder)
    folder.chmod(0o755)
    for name in NODES:
        _copy(machine / name, folder / name)
    for name in LINKS:
        if (machine / name).is_symlink():
            (folder / name).symlink_to((machine / name).readlink())
    for name in FOLDERS:
        if (machine / name).is_dir():
            (folder / name).mkdir()
            kernel.bind(machine / name, folder / name)
    for name in EMPTY:
        (folder / name).mkdir()
    kernel.move(folder, machine)


def _copy(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.exists():
        found = source.stat()
        target.parent.mkdir(exist_ok=True)
        os.mknod(target, found.st_mode, found.st_rdev)
        os.chown(target, found.st_uid, found.st_gid)
        target.chmod(stat.S_IMODE(found.st_mode))


def serve(dev: Path = Path("/dev"), classes: Path = Path("/sys/class")) -> None:
    """Make and remove the nodes of macvtaps of this network namespace, in this process, for ever."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _KOBJECT_UEVENT) as events:
        events.bind((0, _KERNEL_GROUP))
        for name, number in _present(classes):
            make(dev / name, number)
        while True:
            told = read(events.recv(_MESSAGE_BYTES))
            if told.get("SUBSYSTEM") not in CLASSES or "DEVNAME" not in told:
                continue
            node = dev / told["DEVNAME"]
            if told["ACTION"] == "add":
                make(node, os.makedev(int(told["MAJOR"]), int(told["MINOR"])))
            elif told["ACTION"] == "remove":
                node.unlink(missing_ok=True)


def _present(classes: Path) -> Iterator[tuple[str, int]]:
    for device in (path for name in CLASSES for path in (classes / name).glob("*/dev")):
        major, _, minor = device.read_text(encoding="ascii").strip().partition(":")
        yield device.parent.name, os.makedev(int(major), int(minor))


def make(node: Path, number: int) -> None:
    """Make a character device that only its owner may open; one that is there already goes."""
    node.unlink(missing_ok=True)
    os.mknod(node, stat.S_IFCHR | 0o600, number)


def read(message: bytes) -> Mapping[str, str]:
    r"""Return the fields of a message of the kernel's about a device.

    Examples
    --------
    >>> read(b"add@/devices/virtual/net/macvtap0/tap4\0ACTION=add\0SUBSYSTEM=macvtap\0DEVNAME=tap4\0")
    {'ACTION': 'add', 'SUBSYSTEM': 'macvtap', 'DEVNAME': 'tap4'}
    """
    fields = (field.partition("=") for field in message.decode(errors="replace").split("\0")[1:])
    return {name: value for name, sign, value in fields if sign}
