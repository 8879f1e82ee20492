"""TCP ports on which servers listen: which are free, and waiting for one."""

import re
import time
from collections.abc import Callable
from itertools import islice

from kvmlab._run import Runner
from kvmlab.errors import MeasurementError

#: Seconds until a server listens or has closed its port.
SERVER_BOUND_S = 10.0

_LISTENING = re.compile(r"^LISTEN\s+\d+\s+\d+\s+\S*:(?P<port>\d+)\s", re.MULTILINE)


def listening_ports(text: str) -> frozenset[int]:
    r"""Read the TCP ports from the output of ``ss --listening --tcp --numeric``.

    Examples
    --------
    >>> sorted(listening_ports("LISTEN 0 4096 *:5201 *:*\nLISTEN 0 128 [::1]:22 [::]:*\n"))
    [22, 5201]
    """
    return frozenset(int(match["port"]) for match in _LISTENING.finditer(text))


def listening(server: Runner) -> frozenset[int]:
    """Return the TCP ports that something listens on."""
    return listening_ports(server.run(["ss", "--listening", "--tcp", "--numeric", "--no-header"]).stdout)


def wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so.

    Raises
    ------
    MeasurementError
        With ``otherwise`` as its message, if it is not in time.
    """
    deadline = time.monotonic() + SERVER_BOUND_S
    while not condition():
        if time.monotonic() > deadline:
            raise MeasurementError(f"{otherwise} (waited {SERVER_BOUND_S:g} s)")
        time.sleep(0.02)


def free_port(server: Runner, first: int) -> int:
    """Return the first TCP port, from a number on, that nothing listens on."""
    (port,) = free_ports(server, first, 1)
    return port


def free_ports(server: Runner, first: int, count: int) -> list[int]:
    """Return the first TCP ports, from a number on, that nothing listens on."""
    taken = listening(server)
    return list(islice((port for port in range(first, 65536) if port not in taken), count))
