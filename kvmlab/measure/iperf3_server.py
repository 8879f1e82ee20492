"""A server of iperf3 for one client.

It ends by itself (iperf3(1)): with ``--one-off`` after its client, with
``--idle-timeout`` when none comes, with ``--rcv-timeout`` and
``--snd-timeout`` when a client falls silent. So nothing is ended by force,
and nothing stays behind when the measuring side is killed.
"""

from kvmlab._run import Runner
from kvmlab.measure.ports import listening, wait_for

#: Port of iperf3 (iperf3(1)), and the first one tried for servers of our own.
PORT = 5201

#: Seconds until it gives up a client that does not come or falls silent.
SILENCE_BOUND_S = 10


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


def start_server(server: Runner, port: int) -> None:
    """Start a server for one client, and wait until it listens.

    Raises
    ------
    MeasurementError
        If the port stays in use, or the server does not come up.
    """
    # the server of the run before closes its port a moment after its client has ended
    wait_for(lambda: port not in listening(server), f"TCP port {port} on {server.name} is in use")
    server.run(server_argv(port))
    wait_for(lambda: port in listening(server), f"no iperf3 server listens on {server.name}, port {port}")
