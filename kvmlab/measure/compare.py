"""Results side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from kvmlab import plot
from kvmlab._repr import Table, html_table, text_table
from kvmlab.errors import SpecError
from kvmlab.measure.facts import described, used_methods
from kvmlab.measure.iperf3_result import BothDirections, Direction, Iperf3Result
from kvmlab.measure.ping_result import PingResult

Result = PingResult | Iperf3Result | BothDirections


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTripRow:
    """One compared result of ping; half of its answers lie between p25 and p75."""

    label: str
    median_ms: float | None
    p25_ms: float | None
    p75_ms: float | None
    min_ms: float | None
    max_ms: float | None
    loss_percent: float
    answers: int
    accelerator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRow:
    """One compared result of iperf3."""

    label: str
    direction: Direction
    median_mbit_s: float
    min_mbit_s: float
    max_mbit_s: float
    retransmits: int | None
    repeats: int
    accelerator: str


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Results side by side, as a table and as a plot; made by :func:`compare`.

    Attributes
    ----------
    results
        Pairs of label and result, all of ping or all of iperf3.
    method
        How each was measured.
    """

    results: tuple[tuple[str, PingResult | Iperf3Result], ...]
    method: str

    @property
    def rows(self) -> Table[RoundTripRow] | Table[CompareRow]:
        """One row per label, and per direction."""
        if _all_pings(self.results):
            return Table(_round_trip_row(label, result) for label, result in self.results)
        return Table(_throughput_row(label, result) for label, result in _throughputs(self.results))

    def plot(self) -> plot.Plot:
        """Draw every answer, or every repeat, below each other on one axis."""
        if _all_pings(self.results):
            samples = {label: result.rtt_ms for label, result in self.results}
            lost = {label: len(result.lost) for label, result in self.results}
            return plot.round_trip_times(samples, lost=lost, caption=self.method)
        groups: dict[str, dict[str, tuple[float, ...]]] = {}
        for label, result in _throughputs(self.results):
            groups.setdefault(label, {})[result.direction] = result.received_mbit_s
        return plot.throughputs(groups, caption=self.method)

    def __repr__(self) -> str:
        return text_table(self.rows, caption=self.method)

    def _repr_html_(self) -> str:
        return html_table(self.rows, caption=self.method)


def compare(results: Mapping[str, Result]) -> Comparison:
    """Put results of one instrument side by side.

    Parameters
    ----------
    results
        Results by label, in the order in which they are to be shown.

    Raises
    ------
    SpecError
        If there are none, or results of ping and iperf3 are mixed.
    """
    pairs: list[tuple[str, PingResult | Iperf3Result]] = []
    methods = [(label, described(result.method, result.accelerator)) for label, result in results.items()]
    for label, result in results.items():
        parts = (result.forward, result.reverse) if isinstance(result, BothDirections) else (result,)
        pairs += [(label, part) for part in parts]
    if len({isinstance(result, PingResult) for _, result in pairs}) != 1:
        hint = "compare one or more results of ping, or of iperf3, but not of both"
        raise SpecError(
            "these results have no common quantity" if pairs else "no results to compare", hint=hint
        )
    return Comparison(tuple(pairs), used_methods(methods))


def _all_pings(
    results: tuple[tuple[str, PingResult | Iperf3Result], ...],
) -> TypeGuard[tuple[tuple[str, PingResult], ...]]:
    return all(isinstance(result, PingResult) for _, result in results)


def _throughputs(
    results: tuple[tuple[str, PingResult | Iperf3Result], ...],
) -> list[tuple[str, Iperf3Result]]:
    return [(label, result) for label, result in results if isinstance(result, Iperf3Result)]


def _round_trip_row(label: str, result: PingResult) -> RoundTripRow:
    p25_ms, p75_ms = result.quartiles_ms
    return RoundTripRow(
        label=label,
        median_ms=result.median_ms,
        p25_ms=p25_ms,
        p75_ms=p75_ms,
        min_ms=result.min_ms,
        max_ms=result.max_ms,
        loss_percent=100 * result.loss,
        answers=result.received,
        accelerator=result.accelerator,
    )


def _throughput_row(label: str, result: Iperf3Result) -> CompareRow:
    return CompareRow(
        label=label,
        direction=result.direction,
        median_mbit_s=result.median_mbit_s,
        min_mbit_s=result.min_mbit_s,
        max_mbit_s=result.max_mbit_s,
        retransmits=result.retransmits,
        repeats=len(result.runs),
        accelerator=result.accelerator,
    )
