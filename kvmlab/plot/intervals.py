"""Repeats with medians and confidence intervals, as a paper would print them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kvmlab.plot.base import BLUE, GREY, VERMILION, Plot, new_rows, remark, settled, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Lower end, median, upper end; the ends are None of a single repeat.
Bar = tuple[float | None, float, float | None]

_KEY = "dots: repeats; line and figure: median; bar: 95 % bootstrap interval of the median"
#: Colours of lines, in the order of Okabe and Ito, and their markers.
_LINES = (
    (BLUE, "o"),
    (VERMILION, "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
)


def intervals(
    samples: Mapping[str, Sequence[float]],
    bars: Mapping[str, Bar],
    *,
    quantity: str,
    caption: str = "",
) -> Plot:
    """Draw repeats from zero, one row per label, with median and confidence interval.

    Parameters
    ----------
    samples
        Repeats by label.
    bars
        Median and interval by label.
    quantity
        What is measured, with its unit.
    caption
        How it was measured, shown below.
    """
    with styled():
        figure = settled(_draw_intervals(samples, bars, quantity, caption))
    return Plot(figure, f"{quantity} of {', '.join(samples)}")


def _draw_intervals(
    samples: Mapping[str, Sequence[float]], bars: Mapping[str, Bar], quantity: str, caption: str
) -> "Figure":
    figure, axes = new_rows(samples, wrapped(_KEY, caption), row_in=0.45)
    for row, (label, values) in enumerate(samples.items()):
        _bar(axes, row, bars[label], colour=GREY, half=0.3)
        axes.plot(values, [row] * len(values), "o", color=BLUE, markersize=5, alpha=0.6, markeredgewidth=0)
        remark(axes, row, f"{_short(bars[label][1])} (n={len(values)})")
    _from_zero(axes, [value for values in samples.values() for value in values])
    axes.set_xlabel(quantity)
    return figure


def _bar(axes: "Axes", row: float, bar: Bar, *, colour: str, half: float) -> None:
    low, middle, high = bar
    if low is not None and high is not None:
        axes.barh(row, high - low, left=low, height=2 * half, color=colour)
    axes.plot([middle, middle], [row - half, row + half], color="black", linewidth=1.5)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _from_zero(axes: "Axes", values: Sequence[float]) -> None:
    axes.set_xlim(0, 1.05 * max(values, default=0) or 1)


def sizes(lines: Mapping[str, Mapping[float, Bar]], *, quantity: str, caption: str = "") -> Plot:
    """Draw a quantity against the size of packets, one line per label.

    Parameters
    ----------
    lines
        Median and interval by label and size in bytes.
    quantity
        What is measured, with its unit.
    caption
        How it was measured, shown below.
    """
    with styled():
        figure = settled(_draw_sizes(lines, quantity, caption))
    return Plot(figure, f"{quantity} by size of packets of {', '.join(lines)}")


def _draw_sizes(lines: Mapping[str, Mapping[float, Bar]], quantity: str, caption: str) -> "Figure":
    key = "points: medians; bars: 95 % bootstrap intervals of the medians"
    figure, axes = new_rows({}, wrapped(key, caption))
    figure.set_size_inches(figure.get_figwidth(), 3.6)
    for number, (label, bars) in enumerate(lines.items()):
        colour, marker = _LINES[number % len(_LINES)]
        places = list(bars)
        middles = [bars[size][1] for size in places]
        below = [middle - (bars[size][0] or middle) for size, middle in zip(places, middles, strict=True)]
        above = [(bars[size][2] or middle) - middle for size, middle in zip(places, middles, strict=True)]
        axes.errorbar(
            places, middles, (below, above), color=colour, marker=marker, markersize=5, capsize=3, label=label
        )
    _frame_of_sizes(axes, sorted({size for bars in lines.values() for size in bars}))
    axes.set_ylabel(quantity)
    return figure


def _frame_of_sizes(axes: "Axes", present: Sequence[float]) -> None:
    axes.yaxis.reset_ticks()
    axes.set_ylim(auto=True)
    axes.relim()
    axes.autoscale_view()
    axes.set_ylim(bottom=0)
    axes.tick_params(axis="y", length=3)
    axes.grid(axis="y", color="#EEEEEE")
    axes.set_xticks(list(present), [f"{size:g}" for size in present])
    axes.set_xlabel("length of the Ethernet frame with its check sequence (bytes)")
    axes.legend(frameon=False, loc="best")


def claims(
    claimed: Mapping[str, float | None],
    measured: Mapping[str, Bar],
    *,
    quantity: str,
    caption: str = "",
) -> Plot:
    """Draw what a text claims beside what was measured here, on one axis from zero.

    Parameters
    ----------
    claimed
        Figure of the text by label; None where it gives none.
    measured
        Median and interval by label; a label may be missing.
    quantity
        What it is, with its unit.
    caption
        How it was measured, and what the text says of its own method.
    """
    with styled():
        figure = settled(_draw_claims(claimed, measured, quantity, caption))
    return Plot(figure, f"{quantity}, claimed and measured, of {', '.join(claimed)}")


def _draw_claims(
    claimed: Mapping[str, float | None], measured: Mapping[str, Bar], quantity: str, caption: str
) -> "Figure":
    figure, axes = new_rows(claimed, wrapped(caption), row_in=0.55)
    for row, label in enumerate(claimed):
        said, bar = claimed[label], measured.get(label)
        if bar is not None:
            _bar(axes, row + 0.17, bar, colour="#9DC3E2", half=0.13)
        if said is not None:
            axes.plot([said], [row - 0.2], "D", color="white", markeredgecolor=VERMILION, markersize=7)
        words = "nothing" if said is None else _short(said)
        found = "not measured" if bar is None else _short(bar[1])
        remark(axes, row, f"says {words}\nmeasured {found}")
    axes.plot([], [], "D", color="white", markeredgecolor=VERMILION, label="the text says (not measured)")
    axes.plot([], [], "s", color="#9DC3E2", label="measured here: median, 95 % interval")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0)
    ends = [value for bar in measured.values() for value in bar if value is not None]
    _from_zero(axes, [*ends, *(value for value in claimed.values() if value is not None)])
    axes.set_xlabel(quantity)
    return figure
