"""Whether a measurement through kvmlab disturbs what it measures."""

from collections.abc import Callable

from kvmlab._progress import Silent
from kvmlab.bench import scene
from kvmlab.bench.console import SerialConsole
from kvmlab.bench.report import FigureKind, Samples
from kvmlab.bench.scene import Rounds
from kvmlab.host import world
from kvmlab.measure.iperf3 import Load, client_argv, iperf3, parse_iperf3
from kvmlab.measure.iperf3_server import PORT

#: Seconds of traffic in each run.
TRAFFIC_S = 3
#: Seconds in which a run typed by hand must have ended.
RUN_BOUND_S = 60.0

RATIO = FigureKind(
    "iperf3_vs_by_hand",
    "ratio",
    f"TCP throughput of iperf3 over {TRAFFIC_S} s through kvmlab, divided by that of the same command typed "
    "on the guest's serial console; two runs of each for one ratio, in the order ABBA",
)


def versus_by_hand(rounds: Rounds) -> dict[str, Samples]:
    """Measure ratios of throughput."""
    rounds.preparing(RATIO.name)
    target = world.PC_ADDRESS
    line = " ".join(client_argv(target, Load(duration_s=TRAFFIC_S), port=PORT, reverse=False))
    ratios = []
    with scene.lab_with_network() as lab:
        guest = scene.define_guest(lab, "vm1").start(progress=Silent()).wait_until_ready()
        with SerialConsole(lab.uri, guest.name) as console:
            for number in rounds.of(RATIO.name):
                through, by_hand = _four_runs(
                    number,
                    lambda: iperf3(guest, target, duration_s=TRAFFIC_S).runs[0].received_mbit_s,
                    lambda: by_hand_mbit_s(console, line),
                )
                ratios.append(through / by_hand)
    return {RATIO.name: Samples(ratios)}


def _four_runs(number: int, ours: Callable[[], float], by_hand: Callable[[], float]) -> tuple[float, float]:
    """Measure ABBA or BAAB: what changes slowly on the machine then falls on both alike.

    Returns
    -------
    tuple
        The sums of our two values and of the two others.
    """
    first = scene.in_turns(number, ours, by_hand)
    second = scene.in_turns(number + 1, ours, by_hand)
    return first[0] + second[0], first[1] + second[1]


def by_hand_mbit_s(console: SerialConsole, line: str) -> float:
    """Type an iperf3 command line with ``--json`` and return the throughput that it printed."""
    text = console.run(line, timeout_s=RUN_BOUND_S)
    report = text[text.index("{") : text.rindex("}") + 1] if "{" in text else text
    return parse_iperf3(report, between="iperf3 typed by hand").received_mbit_s
