"""Draw a topology with graphviz: from the guests at the top to the internet at the bottom.

Where there are more guests than fit beside each other on a page, they are
drawn one below the other, and the internet is at the right.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

from kvmlab.errors import ExecutableNotFound, HostError, SpecError
from kvmlab.topology import Edge, Node, Topology

#: Formats of :meth:`Drawing.save`, by the ending of the file's name.
FORMATS = (".svg", ".png", ".pdf", ".dot")

_SANS, _MONO = "DejaVu Sans", "DejaVu Sans Mono"
#: Fonts of about the same width, for browsers on machines without ours.
_FALLBACKS = {_SANS: "Verdana,sans-serif", _MONO: "Menlo,Consolas,monospace"}
#: Point size of small text, and what ``dot`` reserves at least for a character of it: 7 pixels.
_SMALL, _ADVANCE = 9, 5.25
_INK, _MUTED, _FAULT, _PAPER, _FRAME = "#1f2328", "#57606a", "#cf222e", "#ffffff", "#d0d7de"

#: Fill and border of each kind of node; a node with others inside is a box around them.
_COLOURS = {
    "host": ("#f6f8fa", "#8c959f"),
    "guest": ("#ddf4ff", "#54aeff"),
    "nic": ("#ffffff", "#54aeff"),
    "tap": ("#ffffff", "#6e7781"),
    "bridge": ("#dafbe1", "#2da44e"),
    "nat": ("#fff8c5", "#bf8700"),
    "uplink": ("#ffffff", "#6e7781"),
    "lan": ("#f6f8fa", "#8c959f"),
    "switch": ("#dafbe1", "#2da44e"),
    "router": ("#fff8c5", "#bf8700"),
    "pc": ("#ffffff", "#6e7781"),
    "internet": ("#fbefff", "#a475f9"),
    "server": ("#ffffff", "#a475f9"),
}
_PLAIN = ("#ffffff", "#6e7781")
_OFF = ("#eaeef2", "#afb8c1")


#: Corner of a box in which its heading stands: one that no edge passes.
_HEADING = {"labelloc": "t", "labeljust": "l"}
_LAN_HEADING = {"labelloc": "b", "labeljust": "r"}

#: NICs that fit beside each other on the page of a notebook.
_BESIDE = 5


class Drawing:
    """A picture of a topology; shows itself in a notebook, and as text elsewhere.

    Parameters
    ----------
    topology
        What to draw.
    """

    def __init__(self, topology: Topology) -> None:
        self.topology = topology

    def __repr__(self) -> str:
        return str(self.topology)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}

    @property
    def source(self) -> str:
        """The picture in DOT, the language of graphviz."""
        return str(_digraph(self.topology).source)

    @property
    def svg(self) -> str:
        """The picture as an ``<svg>`` element; the same topology always gives the same text.

        Raises
        ------
        ExecutableNotFound
            If graphviz's program ``dot`` is not installed.
        """
        return _inline(self._render("svg").decode())

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file.

        Parameters
        ----------
        path
            Where to; its ending is one of ``.svg``, ``.png``, ``.pdf`` and ``.dot``.

        Raises
        ------
        SpecError
            If it has another ending.
        ExecutableNotFound
            If graphviz's program ``dot`` is not installed.
        """
        target = Path(path)
        if target.suffix not in FORMATS:
            raise SpecError(
                f"cannot draw {target.name!r}", hint=f"use a name that ends in {', '.join(FORMATS)}"
            )
        if target.suffix == ".dot":
            target.write_text(self.source, encoding="utf-8")
        elif target.suffix == ".svg":
            target.write_text(self.svg, encoding="utf-8")
        else:
            target.write_bytes(self._render(target.suffix[1:]))
        return target

    def _render(self, form: str) -> bytes:
        import graphviz

        try:
            return bytes(_digraph(self.topology).pipe(format=form))
        except graphviz.ExecutableNotFound as error:
            raise ExecutableNotFound("dot", hint="install it: sudo apt-get install graphviz") from error
        except graphviz.CalledProcessError as error:
            raise HostError(f"dot cannot draw the topology: {error}") from error


def draw(topology: Topology) -> Drawing:
    """Return a picture of a topology.

    Parameters
    ----------
    topology
        Such as :func:`kvmlab.snapshot` returns.

    Notes
    -----
    Boxes are machines, what is inside of them are their links. A red dashed
    line carries nothing. :attr:`Drawing.source` is what ``dot -Tsvg`` reads.
    """
    return Drawing(topology)


def _digraph(topology: Topology) -> Any:
    import graphviz

    wide = sum(node.kind == "nic" for node in topology.nodes) > _BESIDE
    graph = graphviz.Digraph("topology")
    graph.attr(rankdir="LR" if wide else "TB")
    # newrank: levels are those of the whole picture, not of each box
    graph.attr(newrank="true", nodesep="0.2", ranksep="0.26", margin="0", pad="0.14", bgcolor="transparent")
    graph.attr("node", shape="plain", fontname=_SANS, fontcolor=_INK)
    graph.attr("edge", dir="none", penwidth="1.4", fontname=_SANS, fontsize="9")
    _add_nodes(graph, topology, "", wide=wide)
    for edge in topology.edges:
        ends = (_end(topology, node_id, "e" if wide else "s") for node_id in (edge.source, edge.target))
        graph.edge(*ends, **_edge_style(edge))
    return graph


def _add_nodes(graph: Any, topology: Topology, parent: str, *, wide: bool) -> None:
    guests = [node for node in topology.children(parent) if node.kind == "guest"]
    for node in topology.children(parent):
        if node.kind == "guest" or not topology.children(node.id):
            table = (
                _guest(node, topology.children(node.id), wide=wide) if node.kind == "guest" else _box(node)
            )
            graph.node(_quoted(node.id), label=f"<{table}>", tooltip=_literal(node.id))
            continue
        with graph.subgraph(name=f"cluster {_quoted(node.id)}") as cluster:
            fill, border = _colours(node)
            corner = _LAN_HEADING if node.kind == "lan" else _HEADING
            cluster.attr(label=f"<{_heading(node)}>", style="rounded,filled", margin="9", **corner)
            cluster.attr(fillcolor=fill, color=border, tooltip=_literal(node.id))
            _add_nodes(cluster, topology, node.id, wide=wide)
    with (
        graph.subgraph() as order
    ):  # invisible edges keep the guests in their order, left to right or bottom up
        order.attr(rank="same")
        for one, next_one in pairwise(reversed(guests) if wide else guests):
            order.edge(_quoted(one.id), _quoted(next_one.id), style="invis")


def _end(topology: Topology, node_id: str, side: str) -> str:
    """Return where an edge ends: at a node, or at a cell of the table that a guest is drawn as."""
    node = topology.node(node_id)
    parent = topology.node(node.parent) if node else None
    if parent is not None and parent.kind == "guest":
        return f"{_quoted(parent.id)}:{_quoted(node_id)}:{side}"
    return _quoted(node_id)


def _quoted(node_id: str) -> str:
    # graphviz reads "a:b" as port b of node a
    return node_id.replace(":", "_")


def _literal(text: str) -> str:
    r"""Return text in which graphviz sees no escapes such as ``\n``."""
    return text.replace("\\", r"\\")


def _colours(node: Node) -> tuple[str, str]:
    if node.state == "off":
        return _OFF
    fill, border = _COLOURS.get(node.kind, _PLAIN)
    return fill, _FAULT if node.state == "down" else border


def _heading(node: Node) -> str:
    """Return name and first line side by side, and the other lines below: edges come in beside them."""
    name = _font(f"<b>{escape(node.label)}</b>", _MUTED if node.state == "off" else _INK, 12)
    first, *others = [_font(escape(line), _MUTED, 9) for line in node.lines] or [""]
    rows = [f"{name}  {first}", *others]
    return _table("".join(f'<tr><td align="left">{row}</td></tr>' for row in rows))


def _style(node: Node) -> str:
    fill, border = _colours(node)
    return f'style="rounded" bgcolor="{fill}" color="{border}" border="1" cellborder="0"'


def _box(node: Node) -> str:
    rows = "".join(f"<tr><td>{text}</td></tr>" for text in _texts(node))
    return f'<table {_style(node)} cellspacing="0" cellpadding="6"><tr><td>{_table(rows)}</td></tr></table>'


def _guest(node: Node, nics: Sequence[Node], *, wide: bool) -> str:
    """Return the table of a guest: its NICs side by side, or one below the other."""
    cells = [f'<td port="{escape(_quoted(nic.id))}">{_box(nic)}</td>' for nic in nics]
    rows = cells if wide else ["".join(cells)]
    head = f'<td colspan="{len(cells) // len(rows)}" align="left">{_heading(node)}</td>'
    table = "".join(f"<tr>{row}</tr>" for row in (head, *rows))
    return f'<table {_style(node)} cellspacing="4" cellpadding="2">{table}</table>'


def _table(rows: str) -> str:
    return f'<table border="0" cellspacing="0" cellpadding="0">{rows}</table>'


def _texts(node: Node) -> Iterator[str]:
    yield _font(f"<b>{escape(node.label)}</b>", _MUTED if node.state == "off" else _INK, 11)
    for line in node.lines:
        yield _font(escape(line), _MUTED, _SMALL, face=_MONO)
    if node.state == "down":
        yield _font("<b>down</b>", _FAULT, 9)


def _font(text: str, colour: str, size: int, face: str = _SANS) -> str:
    return f'<font face="{face}" color="{colour}" point-size="{size}">{text}</font>'


def _edge_style(edge: Edge) -> dict[str, str]:
    label = f" {_literal(edge.label)} " if edge.label else ""
    if edge.state in ("down", "missing"):
        return {"label": label, "color": _FAULT, "fontcolor": _FAULT, "style": "dashed"}
    return {"label": label, "color": _OFF[1] if edge.state == "off" else _MUTED, "fontcolor": _MUTED}


def _fitted(text: re.Match[str]) -> str:
    """Give a text the width that was reserved for it: browsers set the same font wider, or another one."""
    start, content = text.groups()
    width = _ADVANCE * len(unescape(content))
    return f'{start} textLength="{width:g}" lengthAdjust="spacingAndGlyphs">{content}</text>'


def _inline(svg: str) -> str:
    """Turn graphviz's file into an element for a page: paper below it, no wider than the page."""
    svg = re.sub(r"<!--.*?-->\n?", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(rf'(<text [^>]*"{_MONO}"[^>]*)>([^<]*)</text>', _fitted, svg)
    for family, others in _FALLBACKS.items():
        svg = svg.replace(f'font-family="{family}"', f'font-family="{family},{others}"')
    width, height = (
        round(float(value) * 4 / 3) for value in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
    )
    view = re.findall(r'viewBox="[^"]*"', svg)[0]
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" {view} role="img" '
        'style="max-width:100%;height:auto">\n'
        f'<rect width="100%" height="100%" rx="8" fill="{_PAPER}" stroke="{_FRAME}"/>\n'
    )
    return head + svg[svg.index(">") + 1 :].lstrip()
