"""What a text claims, beside what was measured here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvmlab._repr import Table, html_table, text_table
from kvmlab.measure.interval import Interval, difference_interval, median_interval, ratio_interval

if TYPE_CHECKING:
    from kvmlab.plot import Plot

#: How a change is told.
RATIO, DIFFERENCE = "after : before", "after - before"
#: What figures of emulated guests are good for.
_EMULATED = (
    "guests were emulated here (tcg): rows can be compared with each other, not with a machine of metal"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """A claim and a measurement of one point.

    Attributes
    ----------
    point
        What was measured.
    says
        Figure of the text; None where it gives none.
    measured, low, high
        Median, with its 95 % interval; None where nothing was measured.
    says_of_first, measured_of_first
        Both divided by those of the first point of which the text says something and a figure was
        measured: what can be compared also between two machines.
    """

    point: str
    says: float | None
    measured: float | None
    low: float | None
    high: float | None
    says_of_first: float | None
    measured_of_first: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Beside:
    """Claims beside measurements, as a table and as a plot; made by :meth:`Results.beside`.

    Attributes
    ----------
    claimed
        Figure of the text by point.
    found
        What was measured by point; a point may be missing.
    quantity
        What it is, with its unit.
    note
        What the text tells of its own method.
    method
        How it was measured here.
    is_change
        Whether the figures are of a change, so that no point is the measure of the others.
    """

    claimed: Mapping[str, float | None]
    found: Mapping[str, Interval]
    quantity: str
    note: str
    method: str
    is_change: bool = False

    @property
    def rows(self) -> Table[ClaimRow]:
        """One row per point."""
        both = (point for point, said in self.claimed.items() if said and point in self.found)
        first = None if self.is_change else next(both, None)
        return Table(self._row(point, first) for point in self.claimed)

    def _row(self, point: str, first: str | None) -> ClaimRow:
        said, found = self.claimed[point], self.found.get(point)
        base_said = None if first is None else self.claimed[first]
        base_found = None if first is None else self.found[first].middle
        return ClaimRow(
            point=point,
            says=said,
            measured=None if found is None else found.middle,
            low=None if found is None else found.low,
            high=None if found is None else found.high,
            says_of_first=said / base_said if said is not None and base_said else None,
            measured_of_first=found.middle / base_found if found is not None and base_found else None,
        )

    @property
    def caption(self) -> str:
        """What the figures are, and what they are not."""
        emulated = [_EMULATED] if "tcg" in self.method else []
        return "\n".join([self.quantity, f"claimed: {self.note}", f"measured: {self.method}", *emulated])

    def plot(self) -> "Plot":
        """Draw both on one axis."""
        from kvmlab import plot

        bars = {point: (found.low, found.middle, found.high) for point, found in self.found.items()}
        caption = self.caption.partition("\n")[2]
        return plot.claims(self.claimed, bars, quantity=self.quantity, caption=caption)

    def _shown(self) -> Table[Any]:
        """Return the columns that say something: points of a change are not divided by each other."""
        return self.rows.columns("point", "says", "measured", "low", "high") if self.is_change else self.rows

    def __repr__(self) -> str:
        return text_table(self._shown(), caption=self.caption)

    def _repr_html_(self) -> str:
        return html_table(self._shown(), caption=self.caption)


def medians(samples: Mapping[str, Sequence[float]]) -> dict[str, Interval]:
    """Return medians with intervals by group; without what failed."""
    return {group: median_interval(values) for group, values in samples.items() if values}


def changes(
    samples: Mapping[str, Sequence[float]], before: Mapping[str, Sequence[float]], how: str
) -> dict[str, Interval]:
    """Return what changed by group; without what failed.

    Parameters
    ----------
    samples, before
        What was measured by group, after and before.
    how
        :data:`RATIO` or :data:`DIFFERENCE`.
    """
    change = ratio_interval if how == RATIO else difference_interval
    common = {group: values for group, values in samples.items() if values and before.get(group)}
    return {group: change(values, before[group]) for group, values in common.items()}
