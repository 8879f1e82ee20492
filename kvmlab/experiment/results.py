"""What an experiment found: one tidy table, and what can be said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmlab._repr import Table, html_table, text_table
from kvmlab.errors import SpecError
from kvmlab.experiment import claims, journal, table
from kvmlab.experiment.claims import Beside
from kvmlab.experiment.comparison import ComparedRow, compared
from kvmlab.experiment.plan import Plan
from kvmlab.measure.interval import Interval, median_interval

if TYPE_CHECKING:
    import pandas as pd

    from kvmlab.plot import Plot


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """A group of trials: the median of what was measured, with its confidence interval."""

    group: str
    median: float
    low: float | None
    high: float | None
    repeats: int
    failed: int


class Results:
    """What an experiment found; made by :func:`run_experiment` and :meth:`load`.

    Parameters
    ----------
    plan
        What was to be measured.
    records
        One for each trial that ended.
    unwritten
        Why some of them are not in the file; empty if all are.
    """

    def __init__(self, plan: Plan, records: Sequence[dict[str, Any]], *, unwritten: str = "") -> None:
        self.plan = plan
        self.records = tuple(records)
        self.unwritten = unwritten

    @property
    def table(self) -> "pd.DataFrame":
        """One row per trial: factors, figures with their units in the names, outcome, machine."""
        return table.to_frame(self.plan, self.records)

    @property
    def failures(self) -> Table[dict[str, Any]]:
        """Trials that failed, each with its reason."""
        return Table(
            {"point": table.label(self.plan, record), "repeat": record["repeat"], "reason": record["reason"]}
            for record in self.records
            if record["outcome"] == "failed"
        )

    def samples(self, column: str, by: Sequence[str] | None = None) -> dict[str, tuple[float, ...]]:
        """Return what was measured, by group.

        Parameters
        ----------
        column
            One of ``plan.columns``.
        by
            Factors that make the groups; by default those that have more than one level.

        Raises
        ------
        SpecError
            If there is no such column or factor.
        """
        return table.samples(self.plan, self.records, column, by)

    def interval(self, column: str, **levels: Any) -> Interval:
        """Return the median of what was measured at some levels, with its confidence interval.

        Raises
        ------
        SpecError
            If nothing was.
        """
        found = table.where(self.plan, self.records, column, levels)
        if not found:
            raise SpecError(f"nothing was measured of {column} at {levels}", hint="see failures")
        return median_interval(found)

    def summary(self, column: str, by: Sequence[str] | None = None) -> Table[SummaryRow]:
        """Return medians with 95 % bootstrap confidence intervals, one row per group.

        Parameters
        ----------
        column, by
            See :meth:`samples`.
        """
        groups = self.samples(column, by)
        failed = table.failed(self.plan, self.records, by)
        rows = []
        for group, values in groups.items():
            if values:
                found = median_interval(values)
                rows.append(
                    SummaryRow(
                        group=group,
                        median=found.middle,
                        low=found.low,
                        high=found.high,
                        repeats=found.count,
                        failed=failed[group],
                    )
                )
        return Table(rows)

    def compare(self, other: "Results", column: str, by: Sequence[str] | None = None) -> Table[ComparedRow]:
        """Compare with a later run, point by point.

        Parameters
        ----------
        other
            Results of the later run.
        column, by
            See :meth:`samples`.

        Raises
        ------
        SpecError
            If the two have no point in common.
        """
        return compared(self.samples(column, by), other.samples(column, by))

    def where(self, **levels: Any) -> "Results":
        """Return the results at some levels only, as if the plan had no others.

        Parameters
        ----------
        **levels
            A level by name of its factor.

        Raises
        ------
        SpecError
            If there is no such factor, or the plan does not have that level.
        """
        plan = table.narrowed(self.plan, levels)
        records = [r for r in self.records if all(r["point"][name] == v for name, v in levels.items())]
        return Results(plan, records, unwritten=self.unwritten)

    def beside(
        self,
        column: str,
        says: Mapping[str, float | None],
        *,
        note: str,
        divided_by: "Results | None" = None,
        minus: "Results | None" = None,
    ) -> Beside:
        """Put what a text claims beside what was measured.

        Parameters
        ----------
        column
            One of ``plan.columns``.
        says
            Figure of the text by group, as :meth:`summary` names them; None where it gives none.
        note
            What the text tells of its own method.
        divided_by, minus
            Results before a change: what the text claims is the ratio to them, or the difference.

        Raises
        ------
        SpecError
            If there is no such column or group.
        """
        found = self.samples(column)
        unknown = [group for group in says if group not in found]
        if unknown:
            raise SpecError(f"there is no point {unknown[0]!r}", hint=f"there are: {', '.join(found)}")
        wanted = {group: found[group] for group in says}
        before, how = (minus, claims.DIFFERENCE) if divided_by is None else (divided_by, claims.RATIO)
        if before is None:
            return Beside(says, claims.medians(wanted), table.quantity(column), note, self.method)
        change = claims.changes(wanted, before.samples(column), how)
        quantity = f"{table.quantity(column)}, {how}"
        return Beside(says, change, quantity, note, self.method, is_change=True)

    def relative_to(self, column: str, **base: Any) -> Table[ComparedRow]:
        """Compare each level of a factor with one of them.

        Parameters
        ----------
        column
            One of ``plan.columns``.
        **base
            The factor, and the level that the others are compared with.

        Raises
        ------
        SpecError
            If it is not one factor, or there is no such level.
        """
        if len(base) != 1:
            raise SpecError("compare the levels of one factor", hint="such as model='rtl8139'")
        (factor,) = base
        before = self.where(**base).samples(column)
        rows: list[ComparedRow] = []
        for level in self.plan.factors.get(factor, ()):
            if level != base[factor]:
                found = self.where(**{factor: level}).samples(column).items()
                after = {group: values for group, values in found if values}
                rows += compared(before, after, level=table.named(factor, level)) if after else []
        return Table(rows)

    @property
    def method(self) -> str:
        """How it was measured, in a sentence or two."""
        hosts = {record["host"].get("accelerator", "") for record in self.records} - {""}
        plan = self.plan
        return (
            f"points: {len(plan.points)}, repeats of each: {plan.repeats}, in random order "
            f"(seed {plan.seed}); {plan.duration_s} s of traffic each, {plan.warmup_s} s of warm-up; "
            "medians with 95 % bootstrap intervals; "
            f"accelerator: {', '.join(sorted(hosts)) or 'none'}"
        )

    def plot(self, column: str, by: Sequence[str] | None = None) -> "Plot":
        """Draw each repeat, the medians and their confidence intervals, one row per group.

        Parameters
        ----------
        column, by
            See :meth:`samples`.
        """
        from kvmlab import plot

        groups = {group: values for group, values in self.samples(column, by).items() if values}
        marked = {group: median_interval(values) for group, values in groups.items()}
        bars = {group: (found.low, found.middle, found.high) for group, found in marked.items()}
        return plot.intervals(groups, bars, quantity=table.quantity(column), caption=self.method)

    def plot_sizes(self, column: str = "udp_mbit_s", by: Sequence[str] | None = None) -> "Plot":
        """Draw a quantity against the size of packets, one line per group.

        Parameters
        ----------
        column, by
            See :meth:`samples`; the factor ``frame_bytes`` is the axis.
        """
        from kvmlab import plot

        lines = table.against(self.plan, self.records, column, "frame_bytes", by)
        bars = {
            group: {
                size: (i.low, i.middle, i.high)
                for size, values in line.items()
                for i in (median_interval(values),)
            }
            for group, line in lines.items()
        }
        return plot.sizes(bars, quantity=table.quantity(column), caption=self.method)

    def save(self, path: str | Path) -> None:
        """Write the table to a file, with plan and method beside it.

        Parameters
        ----------
        path
            Ends in ``.parquet`` (needs ``pip install 'kvmlab[parquet]'``) or ``.csv``.

        Raises
        ------
        SpecError
            If the name ends otherwise, or pyarrow is not installed.
        OSError
            If the file cannot be written.
        """
        table.save(self.plan, self.records, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Results":
        """Read results: those of a run in JSON lines, or what :meth:`save` wrote.

        Raises
        ------
        SpecError
            If the file holds none.
        """
        found = Path(path)
        if found.suffix in (".parquet", ".csv"):
            return cls(*table.load(found))
        return cls(journal.plan_of(found), journal.read(found)[0])

    def _rows(self) -> list[dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for column in self.plan.columns:
            for group, values in self.samples(column).items():
                row = rows.setdefault(group, {"point": group})
                row[column] = median_interval(values).middle if values else None
        failed = table.failed(self.plan, self.records)
        return [{**row, "failed": failed[group]} for group, row in rows.items()]

    def _caption(self) -> str:
        notes = [self.method]
        missing = len(self.plan.trials()) - len(self.records)
        notes += [f"{missing} trials are still to be run"] if missing else []
        notes += (
            [f"NOT IN THE FILE: {self.unwritten}; save() writes them elsewhere"] if self.unwritten else []
        )
        reasons = dict.fromkeys(f"failed: {row['point']}: {row['reason']}" for row in self.failures)
        return "\n".join([*notes, *reasons])

    def __repr__(self) -> str:
        return text_table(self._rows(), caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self._rows(), caption=self._caption())
