"""Nodes as graphviz's HTML-like tables."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from kvmlab.drawing.style import (
    FAULT,
    MONO,
    MUTED,
    SMALL,
    WRONG,
    Look,
    bold,
    colours,
    font,
    name_colour,
)
from kvmlab.topology import Node

#: Characters in a line of what is wrong: rules are long.
_WRONG_WIDTH = 36


def quoted(node_id: str) -> str:
    """Return an id as graphviz takes it: it reads ``a:b`` as port b of node a."""
    return node_id.replace(":", "_")


def box(node: Node, look: Look) -> str:
    """Return a node with its lines."""
    rows = "".join(f'<tr><td cellpadding="{gap}">{text}</td></tr>' for text, gap in _texts(node, look))
    inner = f"<tr><td>{table(rows)}</td></tr>"
    return f'<table {_style(node, look)} cellspacing="0" cellpadding="6">{inner}</table>'


def guest(node: Node, nics: Sequence[Node], looks: Callable[[str], Look], *, wide: bool) -> str:
    """Return the table of a guest: its NICs side by side, or one below the other."""
    cells = [f'<td port="{escape(quoted(nic.id))}">{box(nic, looks(nic.id))}</td>' for nic in nics]
    rows = cells if wide else ["".join(cells)]
    head = f'<td colspan="{max(1, len(cells) // max(1, len(rows)))}" align="left">{heading(node)}</td>'
    lines = "".join(f"<tr>{row}</tr>" for row in (head, *rows) if row)
    return f'<table {_style(node, looks(node.id))} cellspacing="4" cellpadding="2">{lines}</table>'


def heading(node: Node) -> str:
    """Return name and first line side by side, and the other lines below: edges come in beside them."""
    name = font(bold(node.label), name_colour(node), 12)
    first, *others = [font(escape(line), MUTED, SMALL) for line in node.lines] or [""]
    rows = [f"{name}  {first}", *others]
    return table("".join(f'<tr><td align="left">{row}</td></tr>' for row in rows))


def edge_label(lines: Iterable[str], look: Look) -> str:
    """Return what is said at an edge: what is so, and what is wrong."""
    texts = [(font(escape(line), MUTED, SMALL), 0) for line in lines]
    texts += [(line, 1) for line in wrong_lines(look)]
    rows = "".join(f'<tr><td align="left" cellpadding="{gap}"> {text} </td></tr>' for text, gap in texts)
    return f"<{table(rows)}>" if texts else ""


def wrong_lines(look: Look) -> Iterator[str]:
    """Yield what is wrong, with a mark in front, in lines that are not too long."""
    for words in look.wrong:
        for line in textwrap.wrap(f"{WRONG} {words}", _WRONG_WIDTH):
            yield font(bold(line), FAULT, SMALL)


def table(rows: str) -> str:
    """Return rows as a table without lines."""
    return f'<table border="0" cellspacing="0" cellpadding="0">{rows}</table>'


def _style(node: Node, look: Look) -> str:
    fill, border = colours(node, look)
    width = 2 if look.wrong or look.badges else 1
    return f'style="rounded" bgcolor="{fill}" color="{border}" border="{width}" cellborder="0"'


def _texts(node: Node, look: Look) -> Iterator[tuple[str, int]]:
    """Yield the lines of a node, each with the space around it."""
    if look.badges:
        yield _badges(look), 0
    yield font(bold(node.label), name_colour(node), 11), 0
    for line in node.lines:
        yield font(escape(line), MUTED, SMALL, face=MONO), 0
    for line in wrong_lines(look):
        yield line, 1
    if node.state == "down" and not look.wrong:
        yield font("<b>down</b>", FAULT, SMALL), 1


def _badges(look: Look) -> str:
    return "  ".join(font(bold(text), colour, 11) for text, colour in look.badges)
