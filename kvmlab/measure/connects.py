"""TCP connections opened one after the other by iperf 2 (``--connect-only``).

Facts from iperf(1) and as seen with iperf 2.1.8 and 2.2.1:

- Each connection is a line with the time of its handshake (``ct=``); a failed
  one has none, and says why on standard error; the status is 0 all the same.
- The number of connections is given, not the time; a number of 0 runs until killed.
- iperf 2.2.1 ignores the number: it opens connections for its usual 10 s. Its
  lines have the time of day to a millisecond, so that the first ones can be taken.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kvmlab._run import Runner
from kvmlab.errors import CommandTimeout, MeasurementError
from kvmlab.measure.background import serving
from kvmlab.measure.facts import accelerator_of, check_range, check_target
from kvmlab.measure.latency_result import ConnectResult

#: Port of iperf 2 (iperf(1)).
PORT = 5001
_BOUND_S = 60.0
#: Shell text: runs the command that follows and prints how long it took, as bash(1) has it.
_TIMED = 'TIMEFORMAT="elapsed %3R s"; time "$@" 2>&1'

_CONNECTED = re.compile(r"\(ct=(?P<ms>[\d.]+) ms\)(?: on (?P<at>\S+ [\d:.]+))?")
_FAILED = re.compile(
    r"^(?:tcp connect failed: |connect failed: )(?P<said>.+)$|"
    r"tcp connect to .* failed \((?P<said_2_2>[^)]+)\)",
    re.MULTILINE,
)
_ELAPSED = re.compile(r"^elapsed (?P<s>[\d.]+) s$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ConnectsOutput:
    """What one run of iperf printed; for the fields see :class:`ConnectResult`."""

    connect_ms: tuple[float, ...]
    elapsed_s: float


def connects(
    client: Runner,
    target: str,
    *,
    server: Runner | None = None,
    count: int = 300,
    port: int = PORT,
) -> ConnectResult:
    """Measure how long TCP handshakes take, and how many connections a second has.

    Parameters
    ----------
    client
        Where connections come from: a guest, a host of a lab, this machine.
    target
        Address or name of the server, as the client sees it.
    server
        Where a server is started for the run; None when one listens at the
        target already: any that accepts connections.
    count
        Connections, 1-10000; below 100 the start of the program is most of the time.
    port
        TCP port of the server.

    Raises
    ------
    SpecError
        If an argument is out of its range.
    MeasurementError
        If a connection failed.

    Notes
    -----
    Same as ``time iperf --client TARGET --connect-only=300 --enhanced``; see iperf(1).
    """
    check_target(target)
    check_range("count", count, 1, 10_000)
    check_range("port", port, 1, 65535)
    argv = connects_argv(target, count=count, port=port)
    if server is None:
        text = _run(client, argv, target)
    else:
        with serving(server, ["iperf", "--server", "--port", str(port)], port=port, bound_s=2 * _BOUND_S):
            text = _run(client, argv, target)
    found = parse_connects(text, count=count, between=f"iperf from {client.name} to {target} port {port}")
    return ConnectResult(
        client=client.name,
        target=target,
        connect_ms=found.connect_ms,
        elapsed_s=found.elapsed_s,
        method=" ".join(argv) + (f"; a server on {server.name} for the run" if server else ""),
        accelerator=accelerator_of(client, server),
    )


def _run(client: Runner, argv: list[str], target: str) -> str:
    try:
        done = client.run(["/bin/bash", "-c", _TIMED, "bash", *argv], check=False, timeout_s=_BOUND_S)
    except CommandTimeout as error:
        hint = "does ping reach it? a firewall may drop the connections"
        raise MeasurementError(f"iperf from {client.name} to {target} did not end", hint=hint) from error
    return done.stdout + done.stderr


def connects_argv(target: str, *, count: int, port: int) -> list[str]:
    """Return the command line of the client.

    Examples
    --------
    >>> " ".join(connects_argv("192.168.1.20", count=300, port=5001))
    'iperf --client 192.168.1.20 --port 5001 --connect-only=300 --enhanced'
    """
    return ["iperf", "--client", target, "--port", str(port), f"--connect-only={count}", "--enhanced"]


def parse_connects(text: str, *, count: int, between: str = "iperf") -> ConnectsOutput:
    """Read what ``iperf --connect-only --enhanced`` printed, with the time that it took.

    Parameters
    ----------
    text
        All of its output.
    count
        Connections that were asked for.
    between
        What was run, for error messages.

    Raises
    ------
    MeasurementError
        If a connection failed, or the text is not that of iperf.
    """
    elapsed, failed = _ELAPSED.search(text), ["".join(said) for said in _FAILED.findall(text)]
    opened = list(_CONNECTED.finditer(text))
    times = tuple(float(match["ms"]) for match in opened[:count])
    if failed:
        said = ", ".join(dict.fromkeys(failed))
        hint = "start one there (iperf --server), or give server=" if "refused" in said else ""
        raise MeasurementError(
            f"{between}: {min(len(failed), count)} of {count} connections failed: {said}",
            output=text,
            hint=hint,
        )
    if elapsed is None or len(times) != count or float(elapsed["s"]) <= 0:
        said = (text.strip().splitlines() or ["nothing"])[0]
        message = f"{between} opened {len(times)} of {count} connections and said: {said}"
        raise MeasurementError(message, output=text)
    if len(opened) > count:
        return ConnectsOutput(times, _time_of(opened[:count]))
    return ConnectsOutput(times, float(elapsed["s"]))


def _time_of(opened: Sequence[re.Match[str]]) -> float:
    """Return the seconds that connections took, by the time of day when each had been opened."""
    first, last = (datetime.fromisoformat(opened[index]["at"]) for index in (0, -1))
    return (last - first).total_seconds() + float(opened[0]["ms"]) / 1000
