"""Two runs of a plan beside each other: what changed, and what may be chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kvmlab._repr import Table
from kvmlab.errors import SpecError
from kvmlab.measure.interval import median_interval, ratio_interval

#: Name of the group of a plan in which nothing varies.
ONLY_GROUP = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """A group of trials in two runs.

    Attributes
    ----------
    group
        Levels that it has.
    before, after
        Medians.
    ratio
        After by before.
    low, high
        Confidence interval of the ratio, 95 %, by the bootstrap.
    verdict
        ``higher`` or ``lower`` if the interval holds no 1; otherwise ``no difference seen``.
    """

    group: str
    before: float
    after: float
    ratio: float
    low: float | None
    high: float | None
    verdict: str


def compared(
    before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]], *, level: str = ""
) -> Table[ComparedRow]:
    """Compare samples by group; groups that only one run has are left out.

    Parameters
    ----------
    before, after
        Samples by group.
    level
        What is different after; part of the rows' names.

    Raises
    ------
    SpecError
        If the runs have no group in common.
    """
    common = [group for group, values in before.items() if values and after.get(group)]
    if not common:
        raise SpecError("the two runs have no point in common", hint="compare runs of the same plan")
    return Table(_row(_name(level, group), before[group], after[group]) for group in common)


def _name(level: str, group: str) -> str:
    """Return the name of a row: what differs, and the group unless it is the only one."""
    return " · ".join(part for part in (level, "" if level and group == ONLY_GROUP else group) if part)


def _row(group: str, before: Sequence[float], after: Sequence[float]) -> ComparedRow:
    ratio = ratio_interval(after, before)
    return ComparedRow(
        group=group,
        before=median_interval(before).middle,
        after=median_interval(after).middle,
        ratio=ratio.middle,
        low=ratio.low,
        high=ratio.high,
        verdict="no difference seen" if ratio.holds(1.0) else "higher" if ratio.middle > 1 else "lower",
    )
