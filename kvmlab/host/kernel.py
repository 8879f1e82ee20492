"""System calls that Python 3.11 has no function for: mount(2) and its kin, setns(2), flags of a link."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

#: Directory of the names that ``ip netns`` gives (ip-netns(8)).
NETNS_DIR = Path("/run/netns")
#: The network namespace of the calling thread.
OWN_NETNS = Path("/proc/thread-self/ns/net")

# linux/mount.h, linux/sched.h
_MS_BIND = 4096
_MS_MOVE = 8192
_MS_REC = 16384
_MNT_DETACH = 2
_MOUNT_ATTR_RDONLY = 1
_CLONE_NEWNET = 0x40000000

# linux/sockios.h, and netdevice(7) for the flag and the request
_SIOCGIFFLAGS = 0x8913
_IFF_RUNNING = 0x40
_IFREQ = struct.Struct("16sH14x")

# mount_setattr(2) and pivot_root(2) have no wrapper in every libc; asm/unistd.h, by uname(2)'s machine
_SYS_MOUNT_SETATTR = 442
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)


def mount(kind: str, target: Path, options: str = "") -> None:
    """Mount a new file system of this kind, such as ``tmpfs``.

    Raises
    ------
    OSError
        If the kernel refuses; it names the target.
    """
    data = options.encode() if options else None
    _check(_libc.mount(kind.encode(), os.fsencode(target), kind.encode(), 0, data), target)


def bind(source: Path, target: Path, *, recursive: bool = False) -> None:
    """Let a directory or a file appear at a second place, too; same as ``mount --bind`` and ``--rbind``.

    Raises
    ------
    OSError
        If the kernel refuses; it names the target.
    """
    flags = _MS_BIND | _MS_REC if recursive else _MS_BIND
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None), target)


class _MountAttr(ctypes.Structure):
    """``struct mount_attr`` of mount_setattr(2)."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


def make_read_only(target: Path) -> None:
    """Let nothing be written at a mount point and below, whoever tries (mount_setattr(2)).

    Raises
    ------
    OSError
        If the kernel refuses; it names the target.
    """
    attr = _MountAttr(_MOUNT_ATTR_RDONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attr))
    path, where = os.fsencode(target), ctypes.c_int(_AT_FDCWD)
    _check(_libc.syscall(_SYS_MOUNT_SETATTR, where, path, _AT_RECURSIVE, ctypes.byref(attr), size), target)


def enter_root(root: Path) -> None:
    """Make a mount point the root of all paths, and let go of the root before (pivot_root(2)).

    Raises
    ------
    OSError
        If the kernel refuses; it names the root.
    """
    before = root / ".before"
    before.mkdir()
    os.chdir(root)
    _check(_libc.syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", os.fsencode(before.name)), root)
    os.chdir("/")
    _check(_libc.umount2(os.fsencode(Path("/", before.name)), _MNT_DETACH), root)
    Path("/", before.name).rmdir()


def move(source: Path, target: Path) -> None:
    """Let a mount, with all that is mounted in it, appear at another place instead; ``mount --move``.

    Raises
    ------
    OSError
        If the kernel refuses; it names the target.
    """
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_MOVE, None), target)


def enter_netns(path: Path) -> None:
    """Move the calling thread to a network namespace for good.

    Raises
    ------
    OSError
        If there is no such namespace; it names the path.
    """
    with open_netns(path) as fd:
        _check(_libc.setns(fd, _CLONE_NEWNET), path)


@contextlib.contextmanager
def inside_netns(path: Path) -> Iterator[None]:
    """Move the calling thread to a network namespace and back again.

    Sockets that it opens meanwhile stay there (network_namespaces(7)), and
    ``/proc/thread-self/net`` and ``/proc/sys/net`` show that namespace.

    Raises
    ------
    OSError
        If there is no such namespace; it names the path.
    """
    with open_netns(OWN_NETNS) as home:
        enter_netns(path)
        try:
            yield
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET), OWN_NETNS)


@contextlib.contextmanager
def open_netns(path: Path) -> Iterator[int]:
    """Yield a file descriptor of a network namespace."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def is_running(link: str) -> bool:
    """Tell whether the kernel counts a link of this namespace as able to carry frames.

    It does so, and lets a bridge use it, somewhat after a cable is plugged in.

    Raises
    ------
    OSError
        If there is no such link.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(link.encode(), 0))
    return bool(_IFREQ.unpack(answer)[1] & _IFF_RUNNING)


def _check(status: int, what: Path) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(what))
