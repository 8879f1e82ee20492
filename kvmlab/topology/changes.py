"""The difference of two topologies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from kvmlab._repr import Table
from kvmlab.topology.graph import Edge, Node, Topology


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two topologies.

    Attributes
    ----------
    change
        ``added``, ``removed`` or ``changed``.
    item
        Id of the node or edge.
    field
        What changed; empty if all of it came or went.
    before, after
        Its values.
    """

    change: str
    item: str
    field: str = ""
    before: str = ""
    after: str = ""


def compare(before: Topology, after: Topology) -> Table[Change]:
    """Return what came, went and changed between two snapshots, each once.

    Examples
    --------
    >>> one = Topology((Node("a", "tap", "vnet0"),))
    >>> two = Topology((Node("a", "tap", "vnet0", state="down"), Node("b", "tap", "vnet1")))
    >>> compare(one, two)
    change   item  field  before  after
    changed  a     state  up      down
    added    b     -      -       -
    """
    return Table([*_changes(before.nodes, after.nodes), *_changes(before.edges, after.edges)])


def _changes(before: Iterable[Node | Edge], after: Iterable[Node | Edge]) -> Iterator[Change]:
    old, new = ({item.id: item for item in items} for items in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield Change("removed", name)
        elif name not in old:
            yield Change("added", name)
        else:
            yield from _differences(name, old[name], new[name])


def _differences(name: str, old: Node | Edge, new: Node | Edge) -> Iterator[Change]:
    for field in fields(old):
        values = getattr(old, field.name), getattr(new, field.name)
        if values[0] != values[1]:
            yield Change("changed", name, field.name, *map(_text, values))


def _text(value: str | tuple[str, ...]) -> str:
    return ", ".join(value) if isinstance(value, tuple) else value
