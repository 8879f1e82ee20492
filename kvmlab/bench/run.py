"""Run the measurements and put their report together."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvmlab._progress import Progress, shown
from kvmlab._run import LocalRunner
from kvmlab.bench import guests, throughput, whole
from kvmlab.bench.report import BenchReport, Figure, FigureKind, Samples
from kvmlab.bench.scene import Rounds
from kvmlab.errors import SpecError
from kvmlab.measure.machine import host_facts

IMPORT = FigureKind("import", "s", "`import kvmlab` in a new Python that has started")


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something that is measured in one go, and the figures that come of it."""

    kinds: tuple[FigureKind, ...]
    measure: Callable[[Rounds], dict[str, Samples]]


def _imports(rounds: Rounds) -> dict[str, Samples]:
    code = "import time; t = time.perf_counter(); import kvmlab; print(time.perf_counter() - t)"
    line = [sys.executable, "-c", code]
    return {IMPORT.name: Samples([float(LocalRunner().run(line).stdout) for _ in rounds.of(IMPORT.name)])}


#: All measurements, in the order of the report.
MEASUREMENTS = (
    Measurement((IMPORT,), _imports),
    Measurement((whole.START, whole.FIRST_PING, whole.STOP), whole.whole),
    Measurement((guests.FROM_TEMPLATE,), guests.from_template),
    Measurement((guests.COLD,), guests.cold),
    Measurement((guests.PING, guests.PSS), guests.together),
    Measurement((throughput.THROUGHPUT,), throughput.throughput_by_hand),
    Measurement((throughput.ROUND_TRIP,), throughput.round_trip_by_hand),
)

#: Names of all figures, in the order of the report.
FIGURES = tuple(kind.name for measurement in MEASUREMENTS for kind in measurement.kinds)


def run_bench(
    *, repeats: int = 5, only: Sequence[str] | None = None, progress: Progress | None = None
) -> BenchReport:
    """Measure the figures.

    Parameters
    ----------
    repeats
        How many times each is measured.
    only
        Names of figures; all by default.
    progress
        Told the steps; by default they show in the cell or the terminal.

    Raises
    ------
    SpecError
        If ``repeats`` is less than 1 or a name in ``only`` is unknown.
    ImageError
        If there is no guest image.

    Notes
    -----
    Same as ``kvmlab bench``. Everything runs in labs of its own, which end with it.
    """
    if repeats < 1:
        raise SpecError(f"{repeats} repeats measure nothing", hint="at least 1")
    wanted = set(only or FIGURES)
    if unknown := wanted - set(FIGURES):
        raise SpecError(f"unknown figure {', '.join(sorted(unknown))}", hint=f"known: {', '.join(FIGURES)}")
    chosen = [m for m in MEASUREMENTS if wanted & {kind.name for kind in m.kinds}]
    with shown(progress, "bench") as steps:
        host = host_facts()
        rounds = Rounds(repeats, repeats * len(chosen), steps)
        figures = [figure for m in chosen for figure in _figures(m, rounds) if figure.name in wanted]
    return BenchReport(host, tuple(figures))


def _figures(measurement: Measurement, rounds: Rounds) -> list[Figure]:
    samples = measurement.measure(rounds)
    return [Figure.of(kind, samples[kind.name]) for kind in measurement.kinds]
