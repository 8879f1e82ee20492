"""Whether a measurement through kvmlab disturbs what it measures.

Throughput and round-trip times on a shared machine change from second to
second by more than kvmlab could. So runs are short, those through kvmlab and
those typed by hand take turns, and what is looked at is the ratio of
neighbours: what changes slowly falls on both alike.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kvmlab._progress import Silent
from kvmlab.bench import scene
from kvmlab.bench.console import SerialConsole
from kvmlab.bench.report import FigureKind, Samples
from kvmlab.bench.scene import Rounds
from kvmlab.errors import MeasurementError
from kvmlab.host import world
from kvmlab.measure.iperf3 import Load, client_argv, iperf3, parse_iperf3
from kvmlab.measure.iperf3_server import PORT
from kvmlab.measure.ping import parse_ping, ping, ping_argv
from kvmlab.measure.quantiles import quantile
from kvmlab.virt.domain import Domain

#: Seconds of traffic in each run, and pairs of runs in each round.
TRAFFIC_S, PAIRS = 1, 4
#: Requests of a ping and seconds between them, and pairs of pings in each round.
PINGS, INTERVAL_S, PING_PAIRS = 50, 0.01, 4
#: Seconds in which a run typed by hand must have ended.
RUN_BOUND_S = 60.0

THROUGHPUT = FigureKind(
    "iperf3_vs_by_hand",
    "ratio",
    f"TCP throughput of iperf3 over {TRAFFIC_S} s through kvmlab, divided by that of the same command typed "
    f"on the guest's serial console right before or after; {PAIRS} pairs in each round, in turns",
)
ROUND_TRIP = FigureKind(
    "ping_vs_by_hand",
    "ratio",
    f"median round-trip time of {PINGS} pings through kvmlab, divided by that of the same command typed "
    f"on the guest's serial console right before or after; {PING_PAIRS} pairs in each round, in turns",
)

_Value = Callable[[], float]


def throughput_by_hand(rounds: Rounds) -> dict[str, Samples]:
    """Measure ratios of throughput."""
    target = world.PC_ADDRESS
    line = " ".join(client_argv(target, Load(duration_s=TRAFFIC_S), port=PORT, reverse=False))
    rounds.preparing(THROUGHPUT.name)
    with _guest_and_console() as (guest, console):
        ratios = _ratios(
            rounds,
            THROUGHPUT.name,
            PAIRS,
            lambda: iperf3(guest, target, duration_s=TRAFFIC_S).runs[0].received_mbit_s,
            lambda: by_hand_mbit_s(console, line),
        )
    return {THROUGHPUT.name: Samples(ratios)}


def round_trip_by_hand(rounds: Rounds) -> dict[str, Samples]:
    """Measure ratios of median round-trip times."""
    target = world.PC_ADDRESS
    line = " ".join(ping_argv(target, count=PINGS + 1, interval_s=INTERVAL_S, size_bytes=56))
    rounds.preparing(ROUND_TRIP.name)
    with _guest_and_console() as (guest, console):
        ratios = _ratios(
            rounds,
            ROUND_TRIP.name,
            PING_PAIRS,
            lambda: _median_ms(ping(guest, target, count=PINGS, interval_s=INTERVAL_S).rtt_ms),
            lambda: by_hand_ms(console, line),
        )
    return {ROUND_TRIP.name: Samples(ratios)}


@contextmanager
def _guest_and_console() -> Iterator[tuple[Domain, SerialConsole]]:
    with scene.lab_with_network() as lab:
        guest = scene.define_guest(lab, "vm1").start(progress=Silent()).wait_until_ready()
        with SerialConsole(lab.uri, guest.name) as console:
            yield guest, console


def _ratios(rounds: Rounds, name: str, pairs: int, ours: _Value, by_hand: _Value) -> list[float]:
    """Measure pairs in turns; who comes first changes from pair to pair."""
    ratios = []
    ours()  # the first run of each finds a guest that has not done this yet
    by_hand()
    for _ in rounds.of(name):
        for number in range(pairs):
            through, typed = scene.in_turns(number, ours, by_hand)
            ratios.append(through / typed)
    return ratios


def by_hand_mbit_s(console: SerialConsole, line: str) -> float:
    """Type an iperf3 command line with ``--json`` and return the throughput that it printed."""
    text = console.run(line, timeout_s=RUN_BOUND_S)
    report = text[text.index("{") : text.rindex("}") + 1] if "{" in text else text
    return parse_iperf3(report, between="iperf3 typed by hand").received_mbit_s


def by_hand_ms(console: SerialConsole, line: str) -> float:
    """Type a ping command line and return the median of the times that it printed.

    It prints into a file: a serial console is so slow that it would delay the pings.
    """
    text = console.run(f"{line} >/run/by-hand; cat /run/by-hand", timeout_s=RUN_BOUND_S)
    return _median_ms(parse_ping(text, warmup=1).rtt_ms)


def _median_ms(rtt_ms: tuple[float, ...]) -> float:
    middle = quantile(rtt_ms, 0.5)
    if not middle:
        raise MeasurementError("ping got no answer that took a measurable time")
    return middle
