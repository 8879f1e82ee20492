"""TCP throughput by iperf3, in both directions; see iperf3(1)."""

from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from kvmlab._run import Runner
from kvmlab.errors import SpecError
from kvmlab.measure.facts import accelerator_of, check_range
from kvmlab.measure.iperf3_client import Ends, client_start, incomplete, read_report
from kvmlab.measure.iperf3_result import BothDirections, Direction, Iperf3Result, Throughput
from kvmlab.measure.iperf3_server import PORT


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
    silence_s
        Seconds of silence on the connections after which the run is given up,
        1-600; None waits as long as iperf3 does.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    duration_s: int = 3
    omit_s: int = 0
    streams: int = 1
    port: int | None = None
    silence_s: int | None = None

    def __post_init__(self) -> None:
        check_range("duration_s", self.duration_s, 1, 3600)
        check_range("omit_s", self.omit_s, 0, 60)
        check_range("streams", self.streams, 1, 128)
        check_range("port", PORT if self.port is None else self.port, 1, 65535)
        check_range("silence_s", 1 if self.silence_s is None else self.silence_s, 1, 600)
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
    silence_s: int | None


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
        ``duration_s=3``, ``omit_s=0``, ``streams=1``, ``port``, ``silence_s``: see :class:`Load`.

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

    ends: Ends
    load: Load

    def run(self, *, reverse: bool) -> tuple[list[str], Throughput]:
        """Measure once; return the command line of the client, too."""
        argv = client_argv(self.ends.target, self.load, port=self.ends.port, reverse=reverse)
        text = self.ends.run(argv, traffic_s=self.load.duration_s + self.load.omit_s)
        return argv, parse_iperf3(text, between=self.ends.between)

    def result(self, runs: list[tuple[list[str], Throughput]]) -> Iperf3Result:
        """Join runs of one direction."""
        return Iperf3Result(
            client=self.ends.client.name,
            target=self.ends.target,
            runs=tuple(throughput for _, throughput in runs),
            method=self.ends.method([argv for argv, _ in runs]),
            accelerator=accelerator_of(self.ends.client, self.ends.server),
        )


def _path(client: Runner, target: str, server: Runner | None, load: Load) -> _Path:
    return _Path(Ends.of(client, target, server, load.port), load)


def client_argv(target: str, load: Load, *, port: int, reverse: bool) -> list[str]:
    """Return the command line of the client.

    Examples
    --------
    >>> " ".join(client_argv("192.168.1.20", Load(streams=2), port=5201, reverse=True))
    'iperf3 --client 192.168.1.20 --port 5201 --connect-timeout 5000 --time 3 --json --parallel 2 --reverse'
    """
    line = client_start(target, port)
    line += ["--time", f"{load.duration_s:g}", "--json"]
    line += ["--omit", f"{load.omit_s:g}"] if load.omit_s else []
    line += ["--parallel", str(load.streams)] if load.streams > 1 else []
    if load.silence_s:  # iperf3 refuses the option of the other direction
        line += ["--rcv-timeout" if reverse else "--snd-timeout", str(1000 * load.silence_s)]
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
    report = read_report(text, between=between)
    try:
        return _throughput(report)
    except (KeyError, TypeError) as error:
        raise incomplete(between, error, text, protocol="TCP") from error


def _throughput(report: dict[str, Any]) -> Throughput:
    test, end = report["start"]["test_start"], report["end"]
    sent, received = end["sum_sent"], end["sum_received"]
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
