"""TCP throughput by iperf3, in both directions.

Facts from iperf3(1), and as seen with iperf 3.12:

- With ``--json`` a client that could not connect, or whose server ended in the
  middle of a run, may end with status 0, and its JSON may hold figures beside
  the word ``error``. So only the absence of ``error`` means success.
- ``--time`` and ``--omit`` are whole seconds.
"""

import json
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from kvmlab._run import Runner
from kvmlab.errors import CommandTimeout, MeasurementError, SpecError
from kvmlab.measure.facts import accelerator_of, check_range, check_target
from kvmlab.measure.iperf3_result import BothDirections, Direction, Iperf3Result, Throughput
from kvmlab.measure.iperf3_server import PORT, free_port, start_server

#: Bounds in seconds: until connected; beyond the traffic itself.
CONNECT_BOUND_S = 5
_GRACE_S = 20.0

_HINTS = {
    "refused": "start one there (iperf3 --server), or give server= so that one is started for the run",
    "busy": "another client is being served; wait, or give server= to have a server of your own",
    "timed out": "does ping reach it? a firewall or NAT on the way may drop the connection",
    "unreachable": "does ping reach it? look at `ip route` on the client",
    "the server has terminated": "the server ended in the middle of the run: look there",
    "resource temporarily unavailable": "if the target is a name: does it resolve on the client?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The traffic of one run.

    Attributes
    ----------
    duration_s
        Whole seconds of traffic that are measured, 1-3600.
    omit_s
        Whole seconds of traffic before them that are not, 0-60: TCP starts slowly.
    streams
        TCP connections at the same time, 1-128.
    port
        TCP port of the server, 1-65535; None for 5201, or for a free one
        where a server is started.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    duration_s: int = 3
    omit_s: int = 0
    streams: int = 1
    port: int | None = None

    def __post_init__(self) -> None:
        check_range("duration_s", self.duration_s, 1, 3600)
        check_range("omit_s", self.omit_s, 0, 60)
        check_range("streams", self.streams, 1, 128)
        check_range("port", PORT if self.port is None else self.port, 1, 65535)
        if int(self.duration_s) != self.duration_s or int(self.omit_s) != self.omit_s:
            raise SpecError(
                "iperf3 takes whole seconds only", hint="use whole numbers for duration_s and omit_s"
            )


class LoadOptions(TypedDict, total=False):
    """Keyword arguments that describe the traffic; see :class:`Load`."""

    duration_s: int
    omit_s: int
    streams: int
    port: int | None


def iperf3(
    client: Runner,
    target: str,
    *,
    server: Runner | None = None,
    reverse: bool = False,
    repeats: int = 1,
    **load: Unpack[LoadOptions],
) -> Iperf3Result:
    """Measure TCP throughput between a client and a target.

    Parameters
    ----------
    client
        Where the client runs: a guest, a host of a lab, this machine.
    target
        Address or name of the server, as the client sees it.
    server
        Where to start a server for each run, which ends with it; None when
        one listens at the target already.
    reverse
        Let the server send.
    repeats
        Number of runs, one after the other.
    **load
        ``duration_s=3``, ``omit_s=0``, ``streams=1``, ``port``: see :class:`Load`.

    Raises
    ------
    SpecError
        If an argument is out of its range.
    MeasurementError
        If a run failed: no server, no route, the end of either side. No
        figure is taken from such a run.

    Notes
    -----
    Same as ``iperf3 --client TARGET --time 3 --json``; see iperf3(1).
    """
    check_range("repeats", repeats, 1, 1000)
    path = _path(client, target, server, Load(**load))
    return path.result([path.run(reverse=reverse) for _ in range(repeats)])


def both_directions(
    client: Runner,
    target: str,
    *,
    server: Runner | None = None,
    repeats: int = 1,
    **load: Unpack[LoadOptions],
) -> BothDirections:
    """Measure TCP throughput in both directions, in turns.

    Turns share what changes slowly on a machine (load, temperature) between
    the directions. Parameters and errors are those of :func:`iperf3`.
    """
    check_range("repeats", repeats, 1, 1000)
    path = _path(client, target, server, Load(**load))
    turns = [(path.run(reverse=False), path.run(reverse=True)) for _ in range(repeats)]
    forward, reverse = zip(*turns, strict=True)
    return BothDirections(path.result(list(forward)), path.result(list(reverse)))


@dataclass(frozen=True, slots=True)
class _Path:
    """Two ends, and how traffic is sent between them."""

    client: Runner
    target: str
    server: Runner | None
    load: Load
    port: int

    def run(self, *, reverse: bool) -> tuple[list[str], Throughput]:
        """Measure once; return the command line of the client, too."""
        if self.server:
            start_server(self.server, self.port)
        argv = client_argv(self.target, self.load, port=self.port, reverse=reverse)
        bound_s = self.load.duration_s + self.load.omit_s + CONNECT_BOUND_S + _GRACE_S
        between = f"iperf3 from {self.client.name} to {self.target} port {self.port}"
        try:
            done = self.client.run(argv, check=False, timeout_s=bound_s)
        except CommandTimeout as error:
            hint = "has a link on the way gone down, or one of the two ends stopped?"
            raise MeasurementError(f"{between} did not end in {bound_s:g} s", hint=hint) from error
        return argv, parse_iperf3(done.stdout or done.stderr, between=between)

    def result(self, runs: list[tuple[list[str], Throughput]]) -> Iperf3Result:
        """Join runs of one direction."""
        lines = dict.fromkeys(" ".join(argv) for argv, _ in runs)
        where = f"; a server on {self.server.name} for each run" if self.server else ""
        return Iperf3Result(
            client=self.client.name,
            target=self.target,
            runs=tuple(throughput for _, throughput in runs),
            method=" / ".join(lines) + where,
            accelerator=accelerator_of(self.client, self.server),
        )


def _path(client: Runner, target: str, server: Runner | None, load: Load) -> _Path:
    """Choose one port for all runs, so that their command lines are the same."""
    check_target(target)
    port = load.port or (free_port(server) if server else PORT)
    return _Path(client, target, server, load, port)


def client_argv(target: str, load: Load, *, port: int, reverse: bool) -> list[str]:
    """Return the command line of the client.

    Examples
    --------
    >>> " ".join(client_argv("192.168.1.20", Load(streams=2), port=5201, reverse=True))
    'iperf3 --client 192.168.1.20 --port 5201 --connect-timeout 5000 --time 3 --json --parallel 2 --reverse'
    """
    line = [
        "iperf3",
        "--client",
        target,
        "--port",
        str(port),
        "--connect-timeout",
        str(1000 * CONNECT_BOUND_S),
    ]
    line += ["--time", f"{load.duration_s:g}", "--json"]
    line += ["--omit", f"{load.omit_s:g}"] if load.omit_s else []
    line += ["--parallel", str(load.streams)] if load.streams > 1 else []
    return [*line, "--reverse"] if reverse else line


def parse_iperf3(text: str, *, between: str = "iperf3") -> Throughput:
    """Read what a client of iperf3 printed with ``--json`` about TCP.

    Parameters
    ----------
    text
        All of its output.
    between
        What was run, for error messages.

    Raises
    ------
    MeasurementError
        If the run failed, or the text is not that of iperf3.
    """
    try:
        report = json.loads(text)
    except ValueError as error:
        said = (text.strip().splitlines() or ["nothing"])[0]
        raise MeasurementError(f"{between} printed no JSON but: {said}", output=text) from error
    if "error" in report:
        raise _failed(between, str(report["error"]), text)
    try:
        return _throughput(report)
    except (KeyError, TypeError) as error:
        message = f"{between} printed JSON without {error}"
        raise MeasurementError(message, output=text, hint="kvmlab reads TCP runs of iperf3 3.x") from error


def _throughput(report: dict[str, Any]) -> Throughput:
    test, sent, received = (
        report["start"]["test_start"],
        report["end"]["sum_sent"],
        report["end"]["sum_received"],
    )
    direction: Direction = "reverse" if test["reverse"] else "forward"
    return Throughput(
        direction=direction,
        received_mbit_s=received["bits_per_second"] / 1e6,
        sent_mbit_s=sent["bits_per_second"] / 1e6,
        retransmits=sent.get("retransmits"),
        duration_s=float(received["seconds"]),
        streams=test["num_streams"],
        received_bytes=received["bytes"],
    )


def _failed(between: str, said: str, text: str) -> MeasurementError:
    hint = next((hint for words, hint in _HINTS.items() if words in said.lower()), "")
    if "refused" in said:
        said = "no iperf3 server listens there (connection refused)"
    return MeasurementError(f"{between}: {said}", output=text, hint=hint)
