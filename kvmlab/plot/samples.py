"""Samples of ping and iperf3: every one is shown, with their median."""

from collections.abc import Mapping, Sequence
from statistics import median, quantiles
from typing import TYPE_CHECKING

from kvmlab.plot.base import BLUE, DIRECTIONS, GREY, Plot, new_rows, remark, settled, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def round_trip_times(
    samples: Mapping[str, Sequence[float]], *, lost: Mapping[str, int], caption: str = ""
) -> Plot:
    """Draw round-trip times on a logarithmic axis, one row per label.

    Parameters
    ----------
    samples
        Milliseconds by label, in order of sending.
    lost
        Number of requests without an answer, by label.
    caption
        How it was measured, shown below.
    """
    with styled():
        figure = settled(_draw_round_trip_times(samples, lost, caption))
    return Plot(figure, f"round-trip times of {', '.join(samples)}")


def throughputs(samples: Mapping[str, Mapping[str, Sequence[float]]], *, caption: str = "") -> Plot:
    """Draw throughput from zero, one row per label, each repeat a dot.

    Parameters
    ----------
    samples
        Mbit/s by label and direction (``forward``, ``reverse``).
    caption
        How it was measured, shown below.
    """
    with styled():
        figure = settled(_draw_throughputs(samples, caption))
    return Plot(figure, f"throughput of {', '.join(samples)}")


def _draw_round_trip_times(
    samples: Mapping[str, Sequence[float]], lost: Mapping[str, int], caption: str
) -> "Figure":
    key = "dots: answers, the first at the bottom; grey: middle half; line and figure: median"
    figure, axes = new_rows(samples, wrapped(key, caption))
    _log_axis(axes, [value for values in samples.values() for value in values])
    axes.set_xlabel("round-trip time (ms), logarithmic")
    for row, (label, values) in enumerate(samples.items()):
        _distribution(axes, row, values)
        remark(axes, row, f"{len(values)} answers\n{lost.get(label, 0)} lost")
    return figure


def _draw_throughputs(samples: Mapping[str, Mapping[str, Sequence[float]]], caption: str) -> "Figure":
    key = "dots: repeats, of which there are n; line and figure: median"
    figure, axes = new_rows(samples, wrapped(key, caption))
    present = [name for name in DIRECTIONS if any(name in group for group in samples.values())]
    shift = 0.2 if len(present) > 1 else 0.0
    for row, group in enumerate(samples.values()):
        for name, values in group.items():
            _repeats(axes, row + (shift if name == "reverse" else -shift), values, name)
    for name in present:
        colour, marker, meaning = DIRECTIONS[name]
        axes.plot([], [], marker, color=colour, label=meaning)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0)
    greatest = max(value for group in samples.values() for values in group.values() for value in values)
    axes.set_xlim(0, 1.05 * greatest or 1)
    axes.set_xlabel("throughput (Mbit/s of TCP payload received)")
    return figure


def _log_axis(axes: "Axes", values: Sequence[float]) -> None:
    from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    if not values:
        axes.xaxis.set_major_locator(NullLocator())
        return
    # ping prints 0.000 ms for less than a microsecond
    low, high = max(min(values), 0.0005), max(*values, 0.0005)
    axes.set_xlim(low / 1.25, high * 1.25)
    narrow = high / low < 5
    axes.xaxis.set_major_locator(
        MaxNLocator(6, steps=[1, 2, 5, 10]) if narrow else LogLocator(subs=(1, 2, 5), numticks=12)
    )
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))


def _distribution(axes: "Axes", row: int, values: Sequence[float]) -> None:
    if not values:
        return
    if len(values) > 1:
        low, _, high = quantiles(values, n=4, method="inclusive")
        axes.barh(row, high - low, left=low, height=0.8, color=GREY)
    heights = [row + 0.36 - 0.72 * (index + 0.5) / len(values) for index in range(len(values))]
    axes.plot(values, heights, "o", color=BLUE, markersize=4, alpha=0.75, markeredgewidth=0)
    middle = _median(axes, row, values, half=0.4)
    text = f"{middle:.3g} ms"
    axes.annotate(text, (middle, row - 0.4), (0, 1), textcoords="offset points", ha="center", va="bottom")


def _repeats(axes: "Axes", row: float, values: Sequence[float], direction: str) -> None:
    colour, marker, _ = DIRECTIONS[direction]
    axes.plot(values, [row] * len(values), marker, color=colour, markersize=5, alpha=0.6, markeredgewidth=0)
    middle = _median(axes, row, values, half=0.15)
    remark(
        axes, row, f"{middle:.0f} (n={len(values)})" if middle >= 100 else f"{middle:.3g} (n={len(values)})"
    )


def _median(axes: "Axes", row: float, values: Sequence[float], *, half: float) -> float:
    middle = median(values)
    axes.plot([middle, middle], [row - half, row + half], color="black", linewidth=1.5)
    return middle
