"""Outcomes in words as a table of colours."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kvmlab.plot.base import VERMILION, Plot, new_rows, settled, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def heat_map(rows: Mapping[str, Mapping[str, str]], *, caption: str = "") -> Plot:
    """Draw who reaches whom: one row per mode, one column per path.

    Parameters
    ----------
    rows
        Outcome in words by label and column; ``!`` at the end marks what was not expected.
    caption
        How it was found out, shown below.
    """
    with styled():
        figure = settled(_draw_heat_map(rows, caption))
    return Plot(figure, f"reachability of {', '.join(rows)}")


def _draw_heat_map(rows: Mapping[str, Mapping[str, str]], caption: str) -> "Figure":
    from matplotlib.patches import Rectangle

    columns = list(next(iter(rows.values()), {}))
    figure, axes = new_rows(rows, wrapped("red frame: not what was expected", caption), row_in=0.36)
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
            frame = VERMILION if text.endswith("!") else "white"
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
