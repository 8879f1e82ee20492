"""User mode in a lab: ports that lead to a guest, and passt by hand."""

import xml.etree.ElementTree as ET

from kvmlab.changes.applied import Applied, apply, run
from kvmlab.commands.user import (
    explain_passt,
    explain_passt_end,
    explain_user_forward,
    explain_user_forward_end,
)
from kvmlab.errors import HostError, SpecError
from kvmlab.lab import Lab
from kvmlab.spec.source import TcpSocket
from kvmlab.spec.user import UserForward, UserMode
from kvmlab.virt.domain import Domain


def forward_user_port(lab: Lab, guest: Domain, forward: UserForward) -> Applied:
    """Lead a port of the lab's host to a guest in user mode with SLIRP.

    Parameters
    ----------
    lab
        A running lab.
    guest
        A guest that runs.
    forward
        What leads where.

    Raises
    ------
    SpecError
        If the guest has no NIC in user mode.
    HostError
        If QEMU cannot listen on the port, for example because somebody else does.
    """
    netdev = _slirp(guest)
    explanation = explain_user_forward(guest.name, netdev, forward)
    listen, *_ = explanation.commands
    said = run(lab, listen).stdout.strip()
    if said:  # QEMU's monitor has words, but no exit status
        raise HostError(
            f"{forward.protocol} port {forward.port} of the host cannot lead to {guest.name!r}: {said}",
            hint="does somebody listen on it already? see `ss -lntu` on lab.host",
        )
    return Applied(lab, explanation, explain_user_forward_end(guest.name, netdev, forward))


def _slirp(guest: Domain) -> str:
    """Return QEMU's name of the other side of the guest's first NIC with SLIRP."""
    for nic in ET.fromstring(guest.xml()).iterfind("./devices/interface[@type='user']"):
        alias = nic.find("./alias")
        if nic.find("./backend[@type='passt']") is None and alias is not None:
            return f"host{alias.get('name', '')}"
    raise SpecError(
        f"guest {guest.name!r} has no NIC in user mode with SLIRP, or does not run",
        hint="define it with InterfaceSpec(source=UserMode()), and start() it",
    )


def start_passt(lab: Lab, user: UserMode, socket: TcpSocket) -> Applied:
    """Plug passt into a guest's TCP tunnel: user mode also where libvirt was built without passt.

    Parameters
    ----------
    lab
        A running lab.
    user
        Addresses and ports of the guest; its backend is passt.
    socket
        Where the guest's NIC is plugged in; it listens, so that the guest runs.

    Raises
    ------
    SpecError
        If the backend is another one, or the socket does not listen.
    CommandError
        If nobody listens there, or passt cannot have a port; nothing is left of it then.
    """
    if user.backend != "passt":
        raise SpecError(f"user mode with {user.backend} needs no passt", hint="UserMode(backend='passt')")
    if not socket.listens:
        raise SpecError(
            f"the guest on port {socket.port} does not listen, so that passt cannot connect to it",
            hint="TcpSocket(port=…) listens unless told otherwise",
        )
    return apply(lab, explain_passt(user, socket), explain_passt_end(socket))
