"""What findings and the way of a packet add to a picture."""

from collections.abc import Iterator

from kvmlab.drawing.style import BACK, THERE, Look
from kvmlab.topology import Topology, Trail

_ARROWS: dict[tuple[bool, ...], str] = {(True,): "forward", (False,): "back"}


class Looks:
    """How each node and edge of a topology looks.

    Parameters
    ----------
    topology
        What is drawn.
    trail
        The way of a packet in it.
    """

    def __init__(self, topology: Topology, trail: Trail) -> None:
        self._topology = topology
        self._trail = trail

    def of(self, item: str) -> Look:
        """Return the look of a node or edge."""
        wrong = [finding.actual for finding in self._topology.findings if finding.item == item]
        if self._trail.end == item:
            wrong.append(self._trail.note)
        ways = [passage for passage in self._trail.passages if passage.edge == item]
        colours = dict.fromkeys(BACK if way.is_answer else THERE for way in ways)
        directions = tuple(dict.fromkeys(way.is_outward for way in ways))
        arrows = _ARROWS.get(directions, "both") if ways else ""
        return Look(tuple(wrong), tuple(self._badges(item)), tuple(colours), arrows)

    def _badges(self, item: str) -> Iterator[tuple[str, str]]:
        for step in self._trail.steps:
            if step.node == item:
                arrow = "\N{LEFTWARDS ARROW}" if step.is_answer else "\N{RIGHTWARDS ARROW}"
                yield f"{arrow}{step.numbers}", BACK if step.is_answer else THERE
