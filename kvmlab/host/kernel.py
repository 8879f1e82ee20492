"""System calls that Python 3.11 has no function for: mount(2), setns(2), and the flags of a link."""

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
_CLONE_NEWNET = 0x40000000

# linux/sockios.h, and netdevice(7) for the flag and the request
_SIOCGIFFLAGS = 0x8913
_IFF_RUNNING = 0x40
_IFREQ = struct.Struct("16sH14x")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)


def mount(kind: str, target: Path) -> None:
    """Mount a new file system of this kind, such as ``tmpfs``.

    Raises
    ------
    OSError
        If the kernel refuses; it names the target.
    """
    _check(_libc.mount(kind.encode(), os.fsencode(target), kind.encode(), 0, None), target)


def bind(source: Path, target: Path) -> None:
    """Let a directory or a file appear at a second place, too; same as ``mount --bind``.

    Raises
    ------
    OSError
        If the kernel refuses; it names the target.
    """
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None), target)


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
