"""Measured samples → pictures: every sample is shown, with its median.

The pictures are static, need no network and are the same bytes for the same
samples. They have a white ground of their own, so that they can be read in a
dark notebook, too. Colours are those of Okabe and Ito (2008), which
colour-blind people can tell apart; shapes differ as well.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Width in inches and in pixels of a notebook's cell; twice as many in the
#: file, for screens of high resolution.
_WIDTH_IN, _WIDTH_PX = 7.2, 720
_DPI = 2 * _WIDTH_PX / _WIDTH_IN
_ROW_IN, _FRAME_IN, _LINE_IN = 0.62, 1.05, 0.16
_CAPTION_COLUMNS = 126

_BLUE, _VERMILION, _GREY = "#0072B2", "#D55E00", "#DDDDDD"
_DIRECTIONS = {
    "forward": (_BLUE, "o", "forward (the client sends)"),
    "reverse": (_VERMILION, "s", "reverse (the server sends)"),
}
#: Everything that a learner's own matplotlib settings could change in the file.
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "white",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), "black"
    ),
    "svg.hashsalt": "kvmlab",
}


class Plot:
    """A picture; a notebook shows it when it is the last value of a cell.

    Parameters
    ----------
    figure
        The matplotlib figure, which may be changed before it is shown.
    summary
        What it shows, in one line.
    """

    def __init__(self, figure: "Figure", summary: str) -> None:
        self.figure = figure
        self.summary = summary

    def __repr__(self) -> str:
        return f"Plot: {self.summary}"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        height_in = self.figure.bbox_inches.height
        return self.png(), {"width": _WIDTH_PX, "height": round(_WIDTH_PX * height_in / _WIDTH_IN)}

    def png(self) -> bytes:
        """Return it as a PNG file."""
        return self._file("png", {"Software": None})

    def svg(self) -> str:
        """Return it as an SVG document."""
        return self._file("svg", {"Date": None, "Creator": None}).decode()

    def save(self, path: str | Path) -> None:
        """Write it to a file.

        Raises
        ------
        ValueError
            If the name ends neither in ``.png`` nor in ``.svg``.
        """
        ending = Path(path).suffix.lower()
        if ending not in (".png", ".svg"):
            raise ValueError(f"cannot write {Path(path).name!r}: its name must end in .png or .svg")
        Path(path).write_bytes(self.png() if ending == ".png" else self.svg().encode())

    def _file(self, format_: str, metadata: dict[str, None]) -> bytes:
        buffer = io.BytesIO()
        with _style():
            self.figure.savefig(buffer, format=format_, dpi=_DPI, metadata=metadata, facecolor="white")
        return buffer.getvalue()


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
    with _style():
        figure = _settled(_draw_round_trip_times(samples, lost, caption))
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
    with _style():
        figure = _settled(_draw_throughputs(samples, caption))
    return Plot(figure, f"throughput of {', '.join(samples)}")


def _style() -> "AbstractContextManager[None]":
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def _draw_round_trip_times(
    samples: Mapping[str, Sequence[float]], lost: Mapping[str, int], caption: str
) -> "Figure":
    key = "dots: answers, the first at the bottom; grey: middle half; line and figure: median"
    figure, axes = _rows(samples, _lines(key, caption))
    _log_axis(axes, [value for values in samples.values() for value in values])
    axes.set_xlabel("round-trip time (ms), logarithmic")
    for row, (label, values) in enumerate(samples.items()):
        _distribution(axes, row, values)
        _remark(axes, row, f"{len(values)} answers\n{lost.get(label, 0)} lost")
    return figure


def _draw_throughputs(samples: Mapping[str, Mapping[str, Sequence[float]]], caption: str) -> "Figure":
    key = "dots: repeats, of which there are n; line and figure: median"
    figure, axes = _rows(samples, _lines(key, caption))
    present = [name for name in _DIRECTIONS if any(name in group for group in samples.values())]
    shift = 0.2 if len(present) > 1 else 0.0
    for row, group in enumerate(samples.values()):
        for name, values in group.items():
            _repeats(axes, row + (shift if name == "reverse" else -shift), values, name)
    for name in present:
        colour, marker, meaning = _DIRECTIONS[name]
        axes.plot([], [], marker, color=colour, label=meaning)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0)
    greatest = max(value for group in samples.values() for values in group.values() for value in values)
    axes.set_xlim(0, 1.05 * greatest or 1)
    axes.set_xlabel("throughput (Mbit/s of TCP payload received)")
    return figure


def _settled(figure: "Figure") -> "Figure":
    """Lay the figure out once: each further time would move it by some thousandths."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _lines(*texts: str) -> str:
    lines = [line for text in texts for line in text.splitlines()]
    return "\n".join(textwrap.fill(line, _CAPTION_COLUMNS, subsequent_indent="    ") for line in lines)


def _rows(labels: Mapping[str, object], caption: str, *, row_in: float = _ROW_IN) -> "tuple[Figure, Axes]":
    """Return a figure with a row for each label, and the caption below."""
    from matplotlib.figure import Figure  # not pyplot: it keeps every figure and chooses a backend

    height = _FRAME_IN + row_in * len(labels) + _LINE_IN * (caption.count("\n") + 1)
    figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained")
    axes = figure.subplots()
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7.5, color="#444444")
    axes.set_yticks(range(len(labels)), [textwrap.fill(label, 26) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)
    return figure, axes


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
        axes.barh(row, high - low, left=low, height=0.8, color=_GREY)
    heights = [row + 0.36 - 0.72 * (index + 0.5) / len(values) for index in range(len(values))]
    axes.plot(values, heights, "o", color=_BLUE, markersize=4, alpha=0.75, markeredgewidth=0)
    middle = _median(axes, row, values, half=0.4)
    text = f"{middle:.3g} ms"
    axes.annotate(text, (middle, row - 0.4), (0, 1), textcoords="offset points", ha="center", va="bottom")


def _repeats(axes: "Axes", row: float, values: Sequence[float], direction: str) -> None:
    colour, marker, _ = _DIRECTIONS[direction]
    axes.plot(values, [row] * len(values), marker, color=colour, markersize=5, alpha=0.6, markeredgewidth=0)
    middle = _median(axes, row, values, half=0.15)
    _remark(
        axes, row, f"{middle:.0f} (n={len(values)})" if middle >= 100 else f"{middle:.3g} (n={len(values)})"
    )


def _median(axes: "Axes", row: float, values: Sequence[float], *, half: float) -> float:
    middle = median(values)
    axes.plot([middle, middle], [row - half, row + half], color="black", linewidth=1.5)
    return middle


def _remark(axes: "Axes", row: float, text: str) -> None:
    place = axes.get_yaxis_transform()
    axes.text(1.01, row, text, transform=place, va="center", ha="left", fontsize=8)


def heat_map(rows: Mapping[str, Mapping[str, str]], *, caption: str = "") -> Plot:
    """Draw who reaches whom: one row per mode, one column per path.

    Parameters
    ----------
    rows
        Outcome in words by label and column; ``!`` at the end marks what was not expected.
    caption
        How it was found out, shown below.
    """
    with _style():
        figure = _settled(_draw_heat_map(rows, caption))
    return Plot(figure, f"reachability of {', '.join(rows)}")


def _draw_heat_map(rows: Mapping[str, Mapping[str, str]], caption: str) -> "Figure":
    from matplotlib.patches import Rectangle

    columns = list(next(iter(rows.values()), {}))
    figure, axes = _rows(rows, _lines("red frame: not what was expected", caption), row_in=0.36)
    axes.grid(visible=False)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_xticks(range(len(columns)), [column.replace(" → ", "\n→ ") for column in columns])
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for line, cells in enumerate(rows.values()):
        for column, text in enumerate(cells.values()):
            colour, word = _outcome(text)
            frame = _VERMILION if text.endswith("!") else "white"
            box = Rectangle(
                (column - 0.47, line - 0.44), 0.94, 0.88, facecolor=colour, edgecolor=frame, linewidth=2
            )
            axes.add_patch(box)
            axes.text(column, line, word, ha="center", va="center", fontsize=8)
    return figure


#: Colours of outcomes: blue reaches, grey does not, yellow is unknown or mixed.
_OUTCOMES = {"reaches": "#A6CEE9", "blocked": "#E6E6E6"}
_MIXED = "#F7EBA0"


def _outcome(text: str) -> tuple[str, str]:
    """Return colour and words of a cell."""
    words = text.removesuffix("!").strip()
    return _OUTCOMES.get(words, _MIXED), words.replace(", ", "\n") or "-"
