"""Connect to libvirt and translate its errors; the only place that does."""

import contextlib
import json
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
            raise LibvirtError(f"cannot {action}: {error}", code=code, hint=_HINTS.get(code, "")) from error

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
