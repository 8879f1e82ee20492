"""What a run of the bench found, as a table and as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kvmlab._repr import text_table
from kvmlab.measure.interval import median_interval


@dataclass(frozen=True, slots=True)
class Samples:
    """What was measured for one figure, in order of measurement.

    Attributes
    ----------
    values
        kvmlab's.
    baseline
        Those of plain QEMU, or of a command by hand; empty where there is no such thing.
    """

    values: Sequence[float]
    baseline: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class FigureKind:
    """What a figure is.

    Attributes
    ----------
    name
        Its name in the report.
    unit
        ``s``, ``MiB`` or ``ratio``.
    meaning
        From what to what is measured.
    baseline
        What does the same as the baseline; empty where nothing can.
    """

    name: str
    unit: str
    meaning: str
    baseline: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    name
        What was measured.
    median
        Median of the repeats.
    low, high
        95 % bootstrap interval of the median; None of a single repeat.
    unit
        ``s``, ``MiB`` or ``ratio``.
    repeats
        How many values the median is of.
    baseline
        Median of the same thing with plain QEMU; None where plain QEMU cannot do it.
    values, baseline_values
        All values, in order of measurement.
    meaning, baseline_meaning
        What was measured, in words.
    """

    name: str
    median: float
    low: float | None
    high: float | None
    unit: str
    repeats: int
    baseline: float | None
    values: tuple[float, ...]
    baseline_values: tuple[float, ...]
    meaning: str
    baseline_meaning: str

    @classmethod
    def of(cls, kind: FigureKind, samples: Samples) -> "Figure":
        """Return the figure that samples make.

        Examples
        --------
        >>> figure = Figure.of(FigureKind("lab_start", "s", "..."), Samples([1.2, 0.9, 1.0]))
        >>> figure.median, figure.repeats, figure.baseline
        (1.0, 3, None)
        """
        found = median_interval(samples.values)
        return cls(
            name=kind.name,
            median=_rounded(found.middle),
            low=None if found.low is None else _rounded(found.low),
            high=None if found.high is None else _rounded(found.high),
            unit=kind.unit,
            repeats=len(samples.values),
            baseline=_rounded(statistics.median(samples.baseline)) if samples.baseline else None,
            values=tuple(map(_rounded, samples.values)),
            baseline_values=tuple(map(_rounded, samples.baseline)),
            meaning=kind.meaning,
            baseline_meaning=kind.baseline,
        )


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All figures of a run, and the machine that they are of."""

    host: dict[str, str | int | float]
    figures: tuple[Figure, ...]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps({"host": self.host, "figures": [asdict(f) for f in self.figures]}, indent=2)

    def __str__(self) -> str:
        facts = "\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in self.host.items())
        notes = "\n".join(map(_note, self.figures))
        return f"{facts}\n\n{text_table([_row(figure) for figure in self.figures])}\n\n{notes}"


def _row(figure: Figure) -> dict[str, object]:
    return {
        "figure": figure.name,
        "median": figure.median,
        "unit": figure.unit,
        "95 % interval": "" if figure.low is None else f"{figure.low:.3g} to {figure.high:.3g}",
        "repeats": figure.repeats,
        "lowest": min(figure.values),
        "highest": max(figure.values),
        "baseline": figure.baseline,
    }


def _note(figure: Figure) -> str:
    baseline = figure.baseline_meaning or "nothing plain does the same"
    return f"{figure.name}: {figure.meaning}. Baseline: {baseline}."


def _rounded(value: float) -> float:
    return round(value, 4)
