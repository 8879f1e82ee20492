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


def _connect(lab_dir: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ANSWER_BOUND_S)
    try:
        connection.connect(str(lab_dir / "run/kvmlab.sock"))
    except OSError as error:
        connection.close()
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
    with _connect(lab_dir) as connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps(message).encode() + b"\n")
        stream.flush()
        try:
            line = stream.readline()
        except TimeoutError as error:
            raise HostError(f"lab {lab_dir.name!r} did not answer in {ANSWER_BOUND_S:g} s") from error
    if not line:
        raise LabError(f"lab {lab_dir.name!r} ended while it was asked", hint="see `kvmlab ls`")
    reply = json.loads(line)
    if "error" in reply:
        raise HostError(f"lab {lab_dir.name!r}: {reply['error']}")
    return reply["result"]


def init_pid(lab_dir: Path) -> int:
    """Return the process id of the lab's PID 1, as this machine sees it.

    The kernel names it (``SO_PEERCRED``, unix(7)), so it cannot be stale.

    Raises
    ------
    LabError
        If the lab does not run.
    """
    with _connect(lab_dir) as connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


def outer_pid(init: int) -> int:
    """Return the outermost process of the lab: the parent of its PID 1."""
    for line in Path(f"/proc/{init}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("PPid:"):
            return int(line.split()[1])
    raise HostError(f"process {init} has no parent")
