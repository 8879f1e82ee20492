"""A server that runs on a runner while something is measured, and ends with it.

It is started under timeout(1), so that nothing stays behind when the
measuring side is killed.
"""

import contextlib
from collections.abc import Iterator, Sequence

from kvmlab._run import Runner
from kvmlab.errors import KvmlabError
from kvmlab.measure.ports import listening, wait_for

#: Shell text: starts the command that follows in the background, in a process group of its own
#: (timeout(1)), and prints the number of that.
_START = 'timeout --signal=KILL "$@" >/dev/null 2>&1 </dev/null & echo $!'


@contextlib.contextmanager
def serving(server: Runner, argv: Sequence[str], *, port: int, bound_s: float) -> Iterator[None]:
    """Run a server meanwhile.

    Parameters
    ----------
    server
        Where it runs: a guest, a host of a lab, this machine.
    argv
        Its command line.
    port
        TCP port that it listens on.
    bound_s
        Seconds after which it ends in any case.

    Raises
    ------
    MeasurementError
        If the port stays in use, or the server does not listen in time.
    """
    # one that served the run before closes its port a moment later
    wait_for(lambda: port not in listening(server), f"TCP port {port} on {server.name} is in use")
    line = ["/bin/sh", "-c", _START, "sh", f"{bound_s:g}", *argv]
    group = server.run(line).stdout.strip()
    try:
        otherwise = f"{argv[0]} does not listen on {server.name}, port {port}"
        wait_for(lambda: port in listening(server), otherwise)
        yield
    finally:
        with contextlib.suppress(KvmlabError):  # of a guest that is gone nothing is left
            server.run(["kill", "-KILL", "--", f"-{group}"], check=False)
