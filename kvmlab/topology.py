"""What is connected to what: nodes and edges, as data, and the difference of two such pictures.

:func:`kvmlab.observe.snapshot` reads a topology from a running lab;
:func:`kvmlab.drawing.draw` draws one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from kvmlab._repr import Table


@dataclass(frozen=True, slots=True)
class GuestNic:
    """A NIC of a guest, as libvirt and the guest itself tell it.

    Attributes
    ----------
    domain, state
        Name of the domain and its state in libvirt's words, such as
        ``running`` or ``shut off``.
    model
        Model that QEMU emulates, such as ``rtl8139`` or ``virtio``.
    mac
        MAC address.
    tap
        Link of the host that its frames come out of (``<target dev>``);
        empty while the domain is off.
    network, bridge
        Source in the domain's XML: a libvirt network, the bridge of it;
        empty for what has none.
    link
        Its name in the guest, such as ``eth0``; empty if the guest does not say.
    driver
        Driver that the guest bound to it; empty if none, or unknown.
    addresses
        Its addresses with prefix length, as the guest reports them.
    has_carrier
        Whether the guest sees a cable; None if it does not say, as long as
        its link is not up.
    """

    domain: str
    state: str
    model: str
    mac: str
    tap: str = ""
    network: str = ""
    bridge: str = ""
    link: str = ""
    driver: str = ""
    addresses: tuple[str, ...] = ()
    has_carrier: bool | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a topology.

    Attributes
    ----------
    id
        Unique; the same thing has the same id in each snapshot.
    kind
        ``guest``, ``nic``, ``tap``, ``bridge``, ``nat``, ``uplink``,
        ``host``, ``lan``, ``switch``, ``router``, ``pc``, ``internet``,
        ``server``.
    label
        Its name, as a heading.
    lines
        What else is known of it: addresses, MAC address, state.
    state
        ``up``, ``down`` (no carrier, or set down), ``off`` (not running).
    parent
        Id of the node that it is inside of; empty for none.
    """

    id: str
    kind: str
    label: str
    lines: tuple[str, ...] = ()
    state: str = "up"
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection of two nodes.

    Attributes
    ----------
    source, target
        Ids of the nodes; the path to the internet goes from source to target.
    label
        What is to say about it, such as the state of a bridge port.
    state
        ``up``, ``down``, ``off``, or ``missing``: libvirt's definition asks
        for it, the kernel does not have it.
    """

    source: str
    target: str
    label: str = ""
    state: str = "up"

    @property
    def id(self) -> str:
        """Name of the edge in comparisons."""
        return f"{self.source} -- {self.target}"


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


@dataclass(frozen=True, slots=True)
class Topology:
    """Nodes and edges in a fixed order; shows itself as text.

    Raises
    ------
    ValueError
        If two nodes have the same id, or an edge or a parent names none.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        known = {node.id for node in self.nodes}
        if len(known) < len(self.nodes):
            raise ValueError("two nodes of a topology have the same id")
        named = {node.parent for node in self.nodes} - {""}
        named |= {end for edge in self.edges for end in (edge.source, edge.target)}
        if named - known:
            raise ValueError(f"a topology names {min(named - known)!r}, which is not one of its nodes")

    def node(self, node_id: str) -> Node | None:
        """Return the node with this id; None if there is none."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def children(self, parent: str) -> tuple[Node, ...]:
        """Return the nodes directly inside a node; for an empty id those inside of none."""
        return tuple(node for node in self.nodes if node.parent == parent)

    def __str__(self) -> str:
        """Return nodes, indented by what they are inside of, then edges."""
        links = (f"{edge.id}{_note(edge.label)}{_note(_unusual(edge.state))}" for edge in self.edges)
        return "\n".join([*self._outline("", 0), *links])

    def _outline(self, parent: str, depth: int) -> Iterator[str]:
        for node in self.children(parent):
            about = "".join(f", {line}" for line in node.lines)
            yield f"{'  ' * depth}{node.kind} {node.label}{about}{_note(_unusual(node.state))}"
            yield from self._outline(node.id, depth + 1)


def _unusual(state: str) -> str:
    return "" if state == "up" else state.upper()


def _note(text: str) -> str:
    return f" ({text})" if text else ""


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
