"""Draw a topology with graphviz: from the guests at the top to the internet at the bottom.

Where there are more guests than fit beside each other on a page, they are
drawn one below the other, and the internet is at the right.
"""

from pathlib import Path
from typing import Protocol

from kvmlab.drawing.dot import digraph
from kvmlab.drawing.looks import Looks
from kvmlab.drawing.svg import inline
from kvmlab.errors import ExecutableNotFound, HostError, SpecError
from kvmlab.observe import Observable, snapshot
from kvmlab.topology import Topology, Trail

#: Formats of :meth:`Drawing.save`, by the ending of the file's name.
FORMATS = (".svg", ".png", ".pdf", ".dot")


class Walked(Protocol):
    """A packet's way that can be found in a topology; :class:`kvmlab.tracing.Walk` is one."""

    def trail(self, topology: Topology) -> Trail:
        """Return the nodes and edges that it came by."""
        ...


class Drawing:
    """A picture of a topology; shows itself in a notebook, and as text elsewhere.

    Parameters
    ----------
    topology
        What to draw.
    trail
        The way of a packet in it.
    """

    def __init__(self, topology: Topology, trail: Trail | None = None) -> None:
        self.topology = topology
        self.trail = trail or Trail()

    def __repr__(self) -> str:
        return "\n".join(filter(None, (str(self.topology), str(self.trail))))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}

    @property
    def source(self) -> str:
        """The picture in DOT, the language of graphviz."""
        return str(digraph(self.topology, Looks(self.topology, self.trail)).source)

    @property
    def svg(self) -> str:
        """The picture as an ``<svg>`` element; the same topology always gives the same text.

        Raises
        ------
        ExecutableNotFound
            If graphviz's program ``dot`` is not installed.
        """
        return inline(self._render("svg").decode())

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
            return bytes(digraph(self.topology, Looks(self.topology, self.trail)).pipe(format=form))
        except graphviz.ExecutableNotFound as error:
            raise ExecutableNotFound("dot", hint="install it: sudo apt-get install graphviz") from error
        except graphviz.CalledProcessError as error:
            raise HostError(f"dot cannot draw the topology: {error}") from error


def draw(what: Topology | Observable, *, walk: Walked | None = None) -> Drawing:
    """Return a picture of a lab as it is now, or of a topology.

    Parameters
    ----------
    what
        A running lab, or what :func:`kvmlab.snapshot` returned of one.
    walk
        A packet's way to be shown in it, as :func:`kvmlab.trace` returns it.

    Raises
    ------
    kvmlab.errors.LabError
        If the lab does not run.

    Notes
    -----
    Boxes are machines, what is inside of them are their links. A red dashed
    line carries nothing, a dotted one is closed by the firewall or because the
    host is no router. A red frame with a cross and words is not as expected:
    see ``topology.findings``. :attr:`Drawing.source` is what ``dot -Tsvg`` reads.
    """
    topology = what if isinstance(what, Topology) else snapshot(what)
    return Drawing(topology, walk.trail(topology) if walk is not None else None)
