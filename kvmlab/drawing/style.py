"""Colours, fonts and sizes of pictures.

What a colour says is said in words or by a mark, too: who cannot tell the
colours apart reads the same. The colours of a packet's way, blue and orange,
are told apart with every kind of colour blindness.
"""

from dataclasses import dataclass
from html import escape

from kvmlab.topology import Edge, Node

SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
#: Fonts of about the same width, for browsers on machines without ours.
FALLBACKS = {SANS: "Verdana,sans-serif", MONO: "Menlo,Consolas,monospace"}
#: Point size of small text, and what ``dot`` reserves at least for a character of it: 7 pixels.
SMALL, ADVANCE = 9, 5.25
INK, MUTED, PAPER, FRAME = "#1f2328", "#57606a", "#ffffff", "#d0d7de"
#: What is wrong, or where a packet died.
FAULT, WRONG = "#cf222e", "\N{BALLOT X}"
#: The way of a packet, and that of its answer.
THERE, BACK = "#0969da", "#bc4c00"

#: Fill and border of each kind of node; a node with others inside is a box around them.
_COLOURS = {
    "host": ("#f6f8fa", "#8c959f"),
    "guest": ("#ddf4ff", "#54aeff"),
    "nic": ("#ffffff", "#54aeff"),
    "tap": ("#ffffff", "#6e7781"),
    "bridge": ("#dafbe1", "#2da44e"),
    "nat": ("#fff8c5", "#bf8700"),
    "user": ("#fff8c5", "#bf8700"),
    "socket": ("#dafbe1", "#2da44e"),
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


@dataclass(frozen=True, slots=True)
class Look:
    """How something is drawn beyond what it is.

    Attributes
    ----------
    wrong
        What is wrong with it, in words.
    badges
        Numbers of a packet's visits, each with its colour.
    colours
        Colours of the packets that passed an edge.
    arrows
        Where they went, in graphviz's words: ``forward``, ``back`` or ``both``; empty for nowhere.
    """

    wrong: tuple[str, ...] = ()
    badges: tuple[tuple[str, str], ...] = ()
    colours: tuple[str, ...] = ()
    arrows: str = ""


def colours(node: Node, look: Look) -> tuple[str, str]:
    """Return fill and border of a node."""
    if node.state == "off" and not look.wrong:
        return _OFF
    fill, border = _OFF if node.state == "off" else _COLOURS.get(node.kind, _PLAIN)
    if look.wrong or node.state == "down":
        return fill, FAULT
    return fill, look.badges[0][1] if look.badges else border


def edge_style(edge: Edge, look: Look) -> dict[str, str]:
    """Return graphviz's attributes of an edge; its label is another matter."""
    if look.colours:
        style = {"color": ":".join(look.colours), "dir": look.arrows, "penwidth": "2.4", "arrowsize": "0.7"}
        return {**style, "style": "dashed", "color": FAULT} if look.wrong else style
    if look.wrong:
        return {"color": FAULT, "style": "dashed", "penwidth": "2.4"}
    if edge.state in ("down", "missing"):
        return {"color": FAULT, "style": "dashed"}
    if edge.state == "blocked":
        return {"color": MUTED, "style": "dotted"}
    return {"color": _OFF[1] if edge.state == "off" else MUTED}


def font(text: str, colour: str, size: int, face: str = SANS) -> str:
    """Return escaped text in a font, as an HTML-like label has it."""
    return f'<font face="{face}" color="{colour}" point-size="{size}">{text}</font>'


def bold(text: str) -> str:
    """Return text to be escaped, in bold."""
    return f"<b>{escape(text)}</b>"


def name_colour(node: Node) -> str:
    """Return the colour of a node's name."""
    return MUTED if node.state == "off" else INK
