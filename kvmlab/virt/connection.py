"""Connect to libvirt and translate its errors; the only place that does."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import IO, Any

import libvirt
import libvirt_qemu

from kvmlab.errors import DaemonError, LibvirtError

#: libvirt error codes with something useful to say next.
_HINTS = {
    libvirt.VIR_ERR_NO_DOMAIN: "see the names with `virsh list --all`",
    libvirt.VIR_ERR_NO_NETWORK: "see the names with `virsh net-list --all`",
}
#: What libvirt says of things that it did not find on the host, or may not do there, and what to do next.
_SAID = {
    r"Cannot get interface MTU on '(.+)': No such device": (
        "the host has no bridge {0!r}: make it first, as with make_bridge(), or name another"
    ),
    r"Unable to get index for interface (\S+): No such device": (
        "the host has no link {0!r}: `ip -brief link` shows those that it has"
    ),
    r"managed='no' but specified dev doesn't exist": "make the tap first: `ip tuntap add dev NAME mode tap`",
    r"cannot open macvtap tap device (\S+?):? .*": (
        "only the machine's real root may open {0}: direct_nic() makes the same of a macvlan and a tap"
    ),
    r"error creating macvtap (?:type of )?interface .*": (
        "does the kernel have macvtap (`kvmlab doctor`)? is the link a port of a bridge, or does another "
        "guest have it? In mode passthrough a guest has it for itself"
    ),
    r"error creating bridge interface (\S+): File exists": (
        "the host has a link {0!r} of its own: remove it, or give the network another bridge"
    ),
    r"Network is already in use by interface (\S+)": (
        "the host's link {0!r} is in that subnet: use another subnet for the network"
    ),
    r"Invalid value for attribute 'type' in element 'backend': 'passt'": (
        "this libvirt was built without passt, as Debian 12's is: with TcpSocket() as source and "
        "start_passt() the guest gets the same by hand"
    ),
    r"host doesn't support passthrough of host PCI devices": (
        "the machine needs an IOMMU that is switched on, and vfio-pci: see `kvmlab doctor`"
    ),
}


def _hint(code: int, said: str) -> str:
    """Return what to do next after an error of libvirt's; empty where nothing useful is known.

    Examples
    --------
    >>> _hint(38, "Network is already in use by interface br0")
    "the host's link 'br0' is in that subnet: use another subnet for the network"
    """
    for pattern, hint in _SAID.items():
        if found := re.search(pattern, said):
            return hint.format(*found.groups())
    return _HINTS.get(code, "")


class Connection:
    """A connection to libvirt that opens itself again when it broke.

    Parameters
    ----------
    uri
        libvirt URI, such as ``qemu:///system`` or a lab's ``lab.uri``.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._conn: Any = None

    @property
    def vir(self) -> Any:
        """The ``libvirt.virConnect`` underneath.

        Raises
        ------
        DaemonError
            If libvirtd does not answer.
        """
        if self._conn is None or not self._conn.isAlive():
            # libvirt prints each error to stderr unless a handler is set; kvmlab raises them.
            libvirt.registerErrorHandler(_ignore, None)
            try:
                self._conn = libvirt.open(self.uri)
            except libvirt.libvirtError as error:
                raise DaemonError(
                    "libvirtd",
                    f"does not answer on {self.uri}: {error}",
                    hint="if its lab still runs, end it with `kvmlab down` and start it again",
                ) from error
        return self._conn

    @contextlib.contextmanager
    def translated(self, action: str) -> Iterator[Any]:
        """Yield the virConnect; turn libvirt's errors into kvmlab's.

        Raises
        ------
        DaemonError
            If libvirtd went away.
        LibvirtError
            If libvirt refused the call.
        """
        vir = self.vir
        try:
            yield vir
        except libvirt.libvirtError as error:
            if not vir.isAlive():
                raise DaemonError(
                    "libvirtd",
                    f"went away while kvmlab wanted to {action}: {error}",
                    hint="see `kvmlab status`; end the lab with `kvmlab down` and start it again",
                ) from error
            code = error.get_error_code() or 0
            hint = _hint(code, str(error))
            raise LibvirtError(f"cannot {action}: {error}", code=code, hint=hint) from error

    def close(self) -> None:
        """Close the connection; it opens itself again when it is next used."""
        if self._conn is not None:
            with contextlib.suppress(libvirt.libvirtError):
                self._conn.close()
            self._conn = None


def _ignore(_context: object, _error: object) -> None:
    pass


def qmp(domain: Any, command: str, *, file: IO[bytes] | None = None, **arguments: object) -> Any:
    """Send a QMP command to a domain's QEMU and return its result.

    Parameters
    ----------
    domain
        The ``virDomain``.
    command
        QMP's name of the command.
    file
        An open file that goes with it, as ``getfd`` takes it.
    arguments
        Arguments of the command.

    Raises
    ------
    LibvirtError
        If QEMU refuses the command.
    """
    request = json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})})
    if file is None:
        answer = libvirt_qemu.qemuMonitorCommand(domain, request, 0)
    else:
        answer = libvirt_qemu.qemuMonitorCommandWithFiles(domain, request, [file.fileno()], 0)[0]
    reply = json.loads(answer)
    if "error" in reply:
        raise LibvirtError(f"QEMU refused {command!r} on domain {domain.name()!r}: {reply['error']['desc']}")
    return reply["return"]


def agent_command(domain: Any, command: str, *, timeout_s: int, **arguments: object) -> Any:
    """Send a command to the guest agent and return its result.

    Raises
    ------
    libvirt.libvirtError
        If the agent does not answer in time, or refuses the command.
    """
    request = {"execute": command, **({"arguments": arguments} if arguments else {})}
    return json.loads(libvirt_qemu.qemuAgentCommand(domain, json.dumps(request), timeout_s, 0))["return"]
