"""A file of graphviz's becomes an element for a page."""

import re
from html import unescape

from kvmlab.drawing.style import ADVANCE, FALLBACKS, FRAME, MONO, PAPER


def inline(svg: str) -> str:
    """Return the element: paper below it, no wider than the page."""
    svg = re.sub(r"<!--.*?-->\n?", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(rf'(<text [^>]*"{MONO}"[^>]*)>([^<]*)</text>', _fitted, svg)
    for family, others in FALLBACKS.items():
        svg = svg.replace(f'font-family="{family}"', f'font-family="{family},{others}"')
    width, height = (
        round(float(value) * 4 / 3) for value in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
    )
    view = re.findall(r'viewBox="[^"]*"', svg)[0]
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" {view} role="img" '
        'style="max-width:100%;height:auto">\n'
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}" stroke="{FRAME}"/>\n'
    )
    return head + svg[svg.index(">") + 1 :].lstrip()


def _fitted(text: re.Match[str]) -> str:
    """Give a text the width that was reserved for it: browsers set the same font wider, or another one."""
    start, content = text.groups()
    width = ADVANCE * len(unescape(content))
    return f'{start} textLength="{width:g}" lengthAdjust="spacingAndGlyphs">{content}</text>'
