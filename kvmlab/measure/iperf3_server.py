"""A server of iperf3 for one client.

It ends by itself (iperf3(1)): with ``--one-off`` after its client, with
``--idle-timeout`` when none comes, with ``--rcv-timeout`` and
``--snd-timeout`` when a client falls silent. So nothing is ended by force,
and nothing stays behind when the measuring side is killed.
"""

import re
import time
from collections.abc import Callable

from kvmlab._run import Runner
from kvmlab.errors import MeasurementError

#: Port of iperf3 (iperf3(1)), and the first one tried for servers of our own.
PORT = 5201

#: Bounds in seconds: until a server listens or has closed its port; until it
#: gives up a client that does not come or falls silent.
SERVER_BOUND_S = 10.0
SILENCE_BOUND_S = 10

_LISTENING = re.compile(r"^LISTEN\s+\d+\s+\d+\s+\S*:(?P<port>\d+)\s", re.MULTILINE)


def server_argv(port: int) -> list[str]:
    """Return the command line of a server for one client; it ends by itself.

    Examples
    --------
    >>> " ".join(server_argv(5201)[:6])
    'iperf3 --server --port 5201 --one-off --daemon'
    """
    silence = str(1000 * SILENCE_BOUND_S)
    bounds = ["--idle-timeout", str(SILENCE_BOUND_S), "--rcv-timeout", silence, "--snd-timeout", silence]
    return ["iperf3", "--server", "--port", str(port), "--one-off", "--daemon", *bounds]


def listening_ports(text: str) -> frozenset[int]:
    r"""Read the TCP ports from the output of ``ss --listening --tcp --numeric``.

    Examples
    --------
    >>> sorted(listening_ports("LISTEN 0 4096 *:5201 *:*\nLISTEN 0 128 [::1]:22 [::]:*\n"))
    [22, 5201]
    """
    return frozenset(int(match["port"]) for match in _LISTENING.finditer(text))


def start_server(server: Runner, port: int) -> None:
    """Start a server for one client, and wait until it listens.

    Raises
    ------
    MeasurementError
        If the port stays in use, or the server does not come up.
    """
    # the server of the run before closes its port a moment after its client has ended
    _wait_for(lambda: port not in _listening(server), f"TCP port {port} on {server.name} is in use")
    server.run(server_argv(port))
    _wait_for(lambda: port in _listening(server), f"no iperf3 server listens on {server.name}, port {port}")


def _listening(server: Runner) -> frozenset[int]:
    return listening_ports(server.run(["ss", "--listening", "--tcp", "--numeric", "--no-header"]).stdout)


def _wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + SERVER_BOUND_S
    while not condition():
        if time.monotonic() > deadline:
            raise MeasurementError(f"{otherwise} (waited {SERVER_BOUND_S:g} s)")
        time.sleep(0.02)


def free_port(server: Runner) -> int:
    """Return the first TCP port from 5201 on that nothing listens on."""
    taken = _listening(server)
    return next(port for port in range(PORT, 65536) if port not in taken)
