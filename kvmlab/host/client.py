"""Talk to PID 1 of a lab (:mod:`kvmlab.host.init`) from outside."""

import json
import socket
import struct
from pathlib import Path
from typing import Any

from kvmlab.errors import HostError, LabError

#: Seconds that an answer may take; the slowest request reads all netlink
#: tables of five namespaces.
ANSWER_BOUND_S = 10.0
#: What ``unshare`` is called in /proc/PID/comm.
_OUTERMOST = "unshare"


def socket_paths(lab_dir: Path) -> tuple[Path, Path]:
    """Return the paths of PID 1's socket while the lab starts, and when it is ready."""
    return lab_dir / "run/starting.sock", lab_dir / "run/kvmlab.sock"


def _connect(lab_dir: Path, path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ANSWER_BOUND_S)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        if path.name != "starting.sock" and socket_paths(lab_dir)[0].exists():
            hint = "wait until `kvmlab ls` says that it is running"
            raise LabError(f"lab {lab_dir.name!r} is still starting", hint=hint) from error
        raise LabError(
            f"lab {lab_dir.name!r} is not running",
            hint=f"start it with `kvmlab up {lab_dir.name}`, or see `kvmlab ls`",
        ) from error
    return connection


def request(lab_dir: Path, **message: object) -> Any:
    """Send one request and return its result.

    Raises
    ------
    LabError
        If the lab does not run.
    HostError
        If it ran into an error with the request.
    """
    with _connect(lab_dir, socket_paths(lab_dir)[1]) as connection:
        try:
            line = _exchange(connection, json.dumps(message).encode() + b"\n")
        except TimeoutError as error:
            raise HostError(
                f"lab {lab_dir.name!r} did not answer in {ANSWER_BOUND_S:g} s",
                hint=f"is this machine very busy? try again, or end it with `kvmlab down {lab_dir.name}`",
            ) from error
        except OSError:
            line = b""
    if not line.endswith(b"\n"):
        raise LabError(f"lab {lab_dir.name!r} ended while it was asked", hint="see `kvmlab ls`")
    reply = json.loads(line)
    if "error" in reply:
        raise HostError(f"lab {lab_dir.name!r}: {reply['error']}")
    return reply["result"]


def _exchange(connection: socket.socket, line: bytes) -> bytes:
    connection.sendall(line)
    with connection.makefile("rb") as stream:
        return stream.readline()


def init_pid(lab_dir: Path) -> int:
    """Return the process id of the lab's PID 1, as this machine sees it.

    The kernel names it (``SO_PEERCRED``, unix(7)), so it cannot be stale.

    Raises
    ------
    LabError
        If the lab does not run, or not yet.
    HostError
        If it runs where this process cannot see it.
    """
    return _peer(lab_dir, socket_paths(lab_dir)[1])


def any_init_pid(lab_dir: Path) -> int:
    """Return the process id of PID 1 of a lab that is ready or starting; see :func:`init_pid`."""
    for path in socket_paths(lab_dir):
        if path.exists():
            return _peer(lab_dir, path)
    return init_pid(lab_dir)


def _peer(lab_dir: Path, path: Path) -> int:
    with _connect(lab_dir, path) as connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid = int(struct.unpack("3i", credentials)[0])
    if pid == 0:  # no number here (pid_namespaces(7))
        raise HostError(
            f"lab {lab_dir.name!r} runs in another container or PID namespace",
            hint="use it from where it was started, or set another KVMLAB_STATE_DIR here",
        )
    return pid


def outer_pid(init: int) -> int:
    """Return the outermost process of the lab: the parent of its PID 1.

    Raises
    ------
    LabError
        If the lab is ending: then whoever is the parent has nothing to do with it.
    """
    try:
        status = Path(f"/proc/{init}/status").read_text(encoding="ascii").splitlines()
        parent = next(int(line.split()[1]) for line in status if line.startswith("PPid:"))
        if Path(f"/proc/{parent}/comm").read_text(encoding="ascii").strip() == _OUTERMOST:
            return parent
    except OSError:
        pass
    raise LabError(f"the lab with PID 1 {init} is ending", hint="see `kvmlab ls`")
