"""UDP by iperf3: an offered load, its loss and jitter, and packets per second in several sizes.

Over UDP iperf3 sends at the rate that it is told, or as fast as it can, and
the receiver counts what arrives. Seen with iperf 3.12: the sum over both ends
(``end.sum``) mixes what was sent with what was lost on the way, so the
figures here are those of the receiver, and loss is what it lacks of what
was sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from kvmlab._run import Runner
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.measure.facts import accelerator_of, check_range
from kvmlab.measure.iperf3_client import Ends, client_start, incomplete, read_report
from kvmlab.measure.iperf3_result import Direction
from kvmlab.measure.iperf3_server import PORT
from kvmlab.measure.udp_result import FRAME_OVERHEAD_BYTES, UdpResult, UdpRun

#: Least and greatest payload: iperf3's own counters (iperf3(1), ``--length``;
#: iperf_api.h, MIN_UDP_BLOCKSIZE and MAX_UDP_BLOCKSIZE).
LEAST_BYTES, MOST_BYTES = 16, 65507
#: Sizes of frames that RFC 2544 (section 9.1) asks to test Ethernet with.
FRAME_SIZES = (64, 128, 256, 512, 1024, 1280, 1518)


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpLoad:
    """The traffic of one run.

    Attributes
    ----------
    rate_mbit_s
        Payload that is offered, in 10^6 bits per second, up to 10^6; None as fast as the sender can.
    payload_bytes
        Payload of a datagram, 16-65507; one that fits no frame is sent in fragments.
    duration_s
        Whole seconds of traffic, 1-3600.
    port
        Port of the server, 1-65535; None for 5201, or for a free one where a server is started.

    Raises
    ------
    SpecError
        If a value is out of its range.
    """

    rate_mbit_s: float | None = None
    payload_bytes: int = 1448
    duration_s: int = 2
    port: int | None = None

    def __post_init__(self) -> None:
        check_range("rate_mbit_s", 1 if self.rate_mbit_s is None else self.rate_mbit_s, 0.001, 1e6)
        check_range("payload_bytes", self.payload_bytes, LEAST_BYTES, MOST_BYTES)
        check_range("duration_s", self.duration_s, 1, 3600)
        check_range("port", PORT if self.port is None else self.port, 1, 65535)
        if int(self.duration_s) != self.duration_s:
            raise SpecError("iperf3 takes whole seconds only", hint="use a whole number for duration_s")


class UdpOptions(TypedDict, total=False):
    """Keyword arguments that describe the traffic; see :class:`UdpLoad`."""

    rate_mbit_s: float | None
    payload_bytes: int
    duration_s: int
    port: int | None


def udp(
    client: Runner,
    target: str,
    *,
    server: Runner | None = None,
    reverse: bool = False,
    repeats: int = 1,
    **load: Unpack[UdpOptions],
) -> UdpResult:
    """Offer UDP traffic and measure how much of it arrives.

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
        ``rate_mbit_s=None`` (as fast as the sender can), ``payload_bytes=1448``,
        ``duration_s=2``, ``port``: see :class:`UdpLoad`.

    Raises
    ------
    SpecError
        If an argument is out of its range.
    MeasurementError
        If a run failed, or nothing at all arrived.

    Notes
    -----
    Same as ``iperf3 --client TARGET --udp --bitrate 0 --length 1448 --time 2 --json``; see iperf3(1).
    """
    check_range("repeats", repeats, 1, 1000)
    return _measured(client, target, server, [UdpLoad(**load)] * repeats, reverse=reverse)


def packet_rates(
    client: Runner,
    target: str,
    *,
    server: Runner | None = None,
    reverse: bool = False,
    frame_bytes: Sequence[int] = FRAME_SIZES,
    duration_s: int = 2,
) -> UdpResult:
    """Measure how many packets per second arrive, in several sizes, as fast as the sender can.

    What limits small packets is the work for each of them, what limits large
    ones the bytes; so a card is described by both.

    Parameters
    ----------
    client, target, server, reverse
        See :func:`udp`.
    frame_bytes
        Lengths of the Ethernet frames, with the check sequence; 62 and more.
        Those of RFC 2544 by default.
    duration_s
        Whole seconds of traffic for each size.

    Raises
    ------
    SpecError
        If an argument is out of its range.
    MeasurementError
        If a run failed, or nothing at all arrived.
    """
    if not frame_bytes:
        raise SpecError("no sizes of frames to measure", hint=f"such as {FRAME_SIZES}")
    sizes = [size - FRAME_OVERHEAD_BYTES for size in frame_bytes]
    loads = [UdpLoad(payload_bytes=size, duration_s=duration_s) for size in sizes]
    return _measured(client, target, server, loads, reverse=reverse)


def _measured(
    client: Runner, target: str, server: Runner | None, loads: Sequence[UdpLoad], *, reverse: bool
) -> UdpResult:
    ends = Ends.of(client, target, server, loads[0].port)
    lines = [udp_argv(target, load, port=ends.port, reverse=reverse) for load in loads]
    runs = [
        parse_udp(ends.run(line, traffic_s=load.duration_s), between=ends.between)
        for line, load in zip(lines, loads, strict=True)
    ]
    return UdpResult(
        client=client.name,
        target=target,
        runs=tuple(runs),
        method=ends.method(lines),
        accelerator=accelerator_of(client, server),
    )


def udp_argv(target: str, load: UdpLoad, *, port: int, reverse: bool) -> list[str]:
    """Return the command line of the client.

    Examples
    --------
    >>> " ".join(udp_argv("192.168.1.20", UdpLoad(rate_mbit_s=20), port=5201, reverse=False)[7:])
    '--udp --bitrate 20000000 --length 1448 --time 2 --json'
    """
    rate = round(1e6 * (load.rate_mbit_s or 0))
    line = [*client_start(target, port), "--udp", "--bitrate", str(rate)]
    line += ["--length", str(load.payload_bytes), "--time", f"{load.duration_s:g}", "--json"]
    return [*line, "--reverse"] if reverse else line


def parse_udp(text: str, *, between: str = "iperf3") -> UdpRun:
    """Read what a client of iperf3 printed with ``--json`` about UDP.

    Parameters
    ----------
    text
        All of its output.
    between
        What was run, for error messages.

    Raises
    ------
    MeasurementError
        If the run failed, nothing arrived, or the text is not that of iperf3.
    """
    report = read_report(text, between=between)
    try:
        run = _run(report)
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise incomplete(between, error, text, protocol="UDP") from error
    if not run.received_packets:
        hint = "does a firewall drop UDP, or is the offered rate far too high?"
        raise MeasurementError(
            f"{between}: of {run.sent_packets} datagrams none arrived", output=text, hint=hint
        )
    return run


def _run(report: dict[str, Any]) -> UdpRun:
    test, end = report["start"]["test_start"], report["end"]
    sent, received = end["sum_sent"], end["sum_received"]
    direction: Direction = "reverse" if test["reverse"] else "forward"
    arrived = received["packets"] - received["lost_packets"]
    return UdpRun(
        direction=direction,
        offered_mbit_s=sent["bits_per_second"] / 1e6,
        received_mbit_s=received["bits_per_second"] / 1e6,
        sent_packets=max(sent["packets"], arrived),
        received_packets=arrived,
        received_packets_per_s=arrived / received["seconds"],
        jitter_ms=float(received["jitter_ms"]),
        duration_s=float(received["seconds"]),
        payload_bytes=test["blksize"],
    )
