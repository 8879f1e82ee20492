"""Measured samples → pictures: every sample is shown, with its median.

The pictures are static, need no network and are the same bytes for the same
samples. They have a white ground of their own, so that they can be read in a
dark notebook, too. Colours are those of Okabe and Ito (2008), which
colour-blind people can tell apart; shapes differ as well.
"""

import io
import textwrap
from collections.abc import Mapping
from pathlib import Path
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

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#DDDDDD"
DIRECTIONS = {
    "forward": (BLUE, "o", "forward (the client sends)"),
    "reverse": (VERMILION, "s", "reverse (the server sends)"),
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
        with styled():
            self.figure.savefig(buffer, format=format_, dpi=_DPI, metadata=metadata, facecolor="white")
        return buffer.getvalue()


def styled() -> "AbstractContextManager[None]":
    """Return a context in which matplotlib has kvmlab's settings and nobody else's."""
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def settled(figure: "Figure") -> "Figure":
    """Lay the figure out once: each further time would move it by some thousandths."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def wrapped(*texts: str) -> str:
    """Return the lines of a caption, none of them wider than the picture."""
    lines = [line for text in texts for line in text.splitlines()]
    return "\n".join(textwrap.fill(line, _CAPTION_COLUMNS, subsequent_indent="    ") for line in lines)


def new_rows(labels: Mapping[str, object], caption: str, *, row_in: float = _ROW_IN) -> "tuple[Figure, Axes]":
    """Return a figure with a row for each label, and the caption below."""
    from matplotlib.figure import Figure  # not pyplot: it keeps every figure and chooses a backend

    height = _FRAME_IN + row_in * len(labels) + _LINE_IN * (caption.count("\n") + 1)
    figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained")
    axes = figure.subplots()
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7.5, color="#444444")
    axes.set_yticks(range(len(labels)), [textwrap.fill(label, 26) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)  # the first row on top
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)
    return figure, axes


def remark(axes: "Axes", row: float, text: str) -> None:
    """Write something to the right of a row."""
    place = axes.get_yaxis_transform()
    axes.text(1.01, row, text, transform=place, va="center", ha="left", fontsize=8)
