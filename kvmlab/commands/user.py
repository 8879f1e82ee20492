"""User mode: ports that lead to a guest, and passt by hand.

libvirt starts passt itself where it was built to; Debian 12's was not. But
QEMU's end of libvirt's TCP tunnel speaks what passt speaks, each frame with
its length before it (passt(1), "qemu"), so that passt may be its other end.
"""

import shlex
from collections.abc import Sequence
from ipaddress import ip_interface

from kvmlab.commands.command import Command, Explanation
from kvmlab.spec.source import TcpSocket
from kvmlab.spec.user import UserForward, UserMode

#: File descriptor of the shell's that passt gets.
_FD = "3"


def explain_user_forward(domain: str, netdev: str, forward: UserForward) -> Explanation:
    """Return the command that lets QEMU's SLIRP listen on a port of the host.

    Parameters
    ----------
    domain
        A domain that runs.
    netdev
        QEMU's name of the NIC's other side, such as ``hostnet0``.
    forward
        What leads where.

    Notes
    -----
    QEMU, "QEMU Monitor", ``hostfwd_add``. IPv4 only: SLIRP listens on no IPv6 address.
    """
    line = f"hostfwd_add {netdev} {forward.protocol}::{forward.port}-:{forward.guest_port}"
    about = f"QEMU listens on {forward.protocol} port {forward.port} of the host"
    show = _monitor(domain, "info usernet")
    return Explanation(
        _title(forward),
        (
            Command(_monitor(domain, line), about),
            Command(show, "Show the connections and ports that QEMU has"),
        ),
    )


def explain_user_forward_end(domain: str, netdev: str, forward: UserForward) -> Explanation:
    """Return the command that lets QEMU listen no more."""
    line = f"hostfwd_remove {netdev} {forward.protocol}::{forward.port}"
    return Explanation(
        f"End of: {_title(forward)}", (Command(_monitor(domain, line), "QEMU listens no more"),)
    )


def explain_passt(user: UserMode, socket: TcpSocket) -> Explanation:
    """Return the command that starts passt at the other end of a guest's TCP tunnel.

    Parameters
    ----------
    user
        Addresses and ports of the guest.
    socket
        The guest's NIC, which listens.
    """
    options = [*_addresses(user), *_ports(user.forwards), "--pid", pid_file(socket)]
    passt = shlex.join(["passt", "--quiet", "--fd", _FD, *options])
    line = f"exec {passt} {_FD}<>/dev/tcp/{socket.address}/{socket.port}"
    install = (
        *("install", "--owner=nobody", "--group=root", "--mode=664", "/dev/null"),
        pid_file(socket),
    )
    return Explanation(
        f"passt for the guest on port {socket.port}",
        (
            Command(install, "A file for its process id; passt does not stay root"),
            Command(
                ("bash", "-c", line), "Connect to QEMU, and let passt take over: it goes to the background"
            ),
        ),
    )


def explain_passt_end(socket: TcpSocket) -> Explanation:
    """Return the command that ends passt; with its guest it ends by itself."""
    kill = ("sh", "-c", f'kill "$(cat {pid_file(socket)})"')
    return Explanation(
        f"End of passt for the guest on port {socket.port}",
        (
            Command(kill, "The guest's network is gone"),
            Command(("rm", "--force", pid_file(socket)), "Nobody has that process id any more"),
        ),
    )


def pid_file(socket: TcpSocket) -> str:
    """Return the file in which passt writes its process id."""
    return f"/run/passt-{socket.port}.pid"


def _addresses(user: UserMode) -> list[str]:
    options = []
    for text in filter(None, (user.address, user.address6)):
        interface = ip_interface(text)
        options += ["--address", str(interface.ip)]
        options += ["--netmask", str(interface.network.prefixlen)] if interface.version == 4 else []
    return options


def _ports(forwards: Sequence[UserForward]) -> list[str]:
    return [
        word
        for forward in forwards
        for word in (f"--{forward.protocol}-ports", f"{forward.port}:{forward.guest_port}")
    ]


def _monitor(domain: str, line: str) -> tuple[str, ...]:
    return ("virsh", "qemu-monitor-command", domain, "--hmp", line)


def _title(forward: UserForward) -> str:
    return (
        f"{forward.protocol.upper()} port {forward.port} of the host leads to "
        f"port {forward.guest_port} of the guest"
    )
