"""The way of a packet through a topology, from the places where it was seen."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from kvmlab.topology.graph import Edge, Topology


@dataclass(frozen=True, slots=True)
class Sight:
    """A packet was seen.

    Attributes
    ----------
    number
        Of the sighting, in the order of time.
    interface
        Where, as HOST/LINK.
    is_answer
        Whether it was the answer to the packet, or a report of its fate.
    is_outgoing
        Whether it was about to leave the machine there: what sends a frame out
        once more, as a switch does that floods it, had it before.
    """

    number: int
    interface: str
    is_answer: bool = False
    is_outgoing: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A visit of the packet to a node.

    Attributes
    ----------
    node
        Id of the node.
    first, last
        Numbers of the sightings there.
    is_answer
        Whether it was the answer.
    """

    node: str
    first: int
    last: int
    is_answer: bool = False

    @property
    def numbers(self) -> str:
        """Such as ``3``, or ``3-4``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Passage:
    """The packet passed along an edge.

    Attributes
    ----------
    edge
        Id of the edge.
    is_outward
        Whether from its source to its target.
    is_answer
        Whether it was the answer.
    """

    edge: str
    is_outward: bool
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """The way of a packet.

    Attributes
    ----------
    steps, passages
        Nodes and edges that it came by.
    end
        Id of the node or edge where it died; empty if it did not.
    note
        What happened there.
    """

    steps: tuple[Step, ...] = ()
    passages: tuple[Passage, ...] = ()
    end: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Return the steps with their numbers, and how it ended."""
        ways = ("answer" if step.is_answer else "packet" for step in self.steps)
        lines = [f"{way} {step.numbers}: {step.node}" for way, step in zip(ways, self.steps, strict=True)]
        return "\n".join([*lines, *([f"! {self.end}: {self.note}"] if self.end else [])])


def follow(topology: Topology, sights: Sequence[Sight]) -> Trail:
    """Return the way that leads from each sighting to the next.

    Parameters
    ----------
    topology
        Where the packet went.
    sights
        Where it was seen; places that the topology does not have are left out.

    Examples
    --------
    >>> from kvmlab.topology.graph import Node
    >>> nodes = (Node("a", "tap", "a", interfaces=("host/a",)), Node("b", "bridge", "b"),
    ...          Node("c", "pc", "c", interfaces=("c/eth0",)))
    >>> net = Topology(nodes, (Edge("a", "b"), Edge("b", "c")))
    >>> trail = follow(net, [Sight(1, "host/a"), Sight(2, "c/eth0"), Sight(3, "c/eth0", is_answer=True)])
    >>> [(step.node, step.numbers) for step in trail.steps], [passage.edge for passage in trail.passages]
    ([('a', '1'), ('c', '2'), ('c', '3')], ['a -- b', 'b -- c'])
    """
    places = {interface: node.id for node in topology.nodes for interface in node.interfaces}
    steps: list[Step] = []
    passages: list[Passage] = []
    for is_answer in (False, True):
        own: list[Step] = []
        came_by: set[str] = set()
        for sight in sights:
            node = places.get(sight.interface, "")
            if sight.is_answer is not is_answer or not node:
                continue
            if own and own[-1].node == node:
                own[-1] = replace(own[-1], last=sight.number)
                continue
            was_here = sight.is_outgoing and node in came_by
            way = () if was_here else _from_nearest(topology, own, node)
            passages += [replace(passage, is_answer=is_answer) for passage in way]
            came_by |= {node, *(end for passage in way for end in passage.edge.split(" -- "))}
            own.append(Step(node, sight.number, sight.number, is_answer))
        steps += own
    return Trail(tuple(steps), tuple(dict.fromkeys(passages)))


def ended(topology: Topology, trail: Trail, note: str, *, at: str, forwarded: bool = False) -> Trail:
    """Return the same way with the place where it ended.

    Parameters
    ----------
    topology, trail
        The way.
    note
        What happened; the rule, if one decided.
    at
        Interface where it was last seen, as HOST/LINK.
    forwarded
        Whether a rule about what the host passes on as a router decided: then
        it died on the edge that this would have been, of several the one whose
        links the note names. So it did where that edge lets nothing pass.
    """
    last = next((node.id for node in topology.nodes if at in node.interfaces), "")
    edges = [edge for edge in topology.edges if edge.kind == "forward" and last in (edge.source, edge.target)]
    edges = (
        edges if forwarded else [edge for edge in edges if edge.state == "blocked" and edge.source == last]
    )
    end = max(edges, key=lambda edge: _named(edge, note)).id if edges else last
    return replace(trail, end=end, note=note)


def _named(edge: Edge, note: str) -> int:
    return sum(name in note for name in {*edge.source.split("/"), *edge.target.split("/")})


def _from_nearest(topology: Topology, steps: Sequence[Step], node: str) -> Iterable[Passage]:
    """Return the shortest way from one of the nodes before; of equal ones that from the latest.

    A switch that floods a frame makes a tree of its way, not a line.
    """
    before = dict.fromkeys(step.node for step in reversed(steps) if step.node != node)
    ways = [way for old in before if (way := _way(topology, old, node)) is not None]
    return min(ways, key=len, default=())


def _way(topology: Topology, start: str, goal: str) -> tuple[Passage, ...] | None:
    """Return the shortest way along edges that let packets pass; None if there is none."""
    ways: dict[str, tuple[Passage, ...]] = {start: ()}
    queue = deque([start])
    while queue and goal not in ways:
        here = queue.popleft()
        for neighbour, passage in _neighbours(topology, here):
            if neighbour not in ways:
                ways[neighbour] = (*ways[here], passage)
                queue.append(neighbour)
    return ways.get(goal)


def _neighbours(topology: Topology, node: str) -> Iterator[tuple[str, Passage]]:
    for edge in topology.edges:
        if edge.state in ("blocked", "missing", "off"):
            continue
        if edge.source == node:
            yield edge.target, Passage(edge.id, is_outward=True)
        elif edge.target == node:
            yield edge.source, Passage(edge.id, is_outward=False)
