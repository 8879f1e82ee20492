"""Nodes and edges, and what about them is not as expected."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kvmlab._repr import Table


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a topology.

    Attributes
    ----------
    id
        Unique; the same thing has the same id in each snapshot.
    kind
        ``guest``, ``nic``, ``tap``, ``bridge``, ``nat``, ``uplink``,
        ``macvlan``, ``macvtap``, ``vlan`` and other kinds of link; ``user``
        (a process in place of a link), ``socket``, ``pci``; ``host``,
        ``lan``, ``switch``, ``router``, ``pc``, ``internet``, ``server``.
    label
        Its name, as a heading.
    lines
        What else is known of it: addresses, MAC address, state.
    state
        ``up``, ``down`` (no carrier, or set down), ``off`` (not running).
    parent
        Id of the node that it is inside of; empty for none.
    interfaces
        What it stands for, as HOST/LINK, such as ``vm1/eth0``; of a server
        its addresses, as HOST/ADDRESS.
    """

    id: str
    kind: str
    label: str
    lines: tuple[str, ...] = ()
    state: str = "up"
    parent: str = ""
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection of two nodes.

    Attributes
    ----------
    source, target
        Ids of the nodes; the path to the internet goes from source to target.
    label
        What is to say about it, such as the state of a bridge port, or what
        the firewall does there; several lines are separated by newlines.
    state
        ``up``; ``down``; ``off``: it will be there once the guest runs;
        ``missing``: libvirt's definition asks
        for it, the kernel does not have it; ``blocked``: firewall or routing
        lets nothing pass, as it shall be.
    kind
        ``forward`` where the host passes packets on as a router; else empty.
    """

    source: str
    target: str
    label: str = ""
    state: str = "up"
    kind: str = ""

    @property
    def id(self) -> str:
        """Name of the edge in comparisons."""
        return f"{self.source} -- {self.target}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as expected.

    Attributes
    ----------
    item
        Id of the node or edge that it shows at.
    expected
        What libvirt's definition or the kernel's documentation says.
    actual
        What is so instead.
    """

    item: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Nodes and edges in a fixed order; shows itself as text.

    Attributes
    ----------
    nodes, edges
        What there is.
    findings
        What is not as expected.

    Raises
    ------
    ValueError
        If two nodes have the same id, or an edge or a parent names none.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    findings: Table[Finding] = field(default=Table())

    def __post_init__(self) -> None:
        known = {node.id for node in self.nodes}
        if len(known) < len(self.nodes):
            raise ValueError("two nodes of a topology have the same id")
        named = {node.parent for node in self.nodes} - {""}
        named |= {end for edge in self.edges for end in (edge.source, edge.target)}
        if named - known:
            raise ValueError(f"a topology names {min(named - known)!r}, which is not one of its nodes")
        lost = {finding.item for finding in self.findings} - known - {edge.id for edge in self.edges}
        if lost:
            raise ValueError(f"a finding is about {min(lost)!r}, which is neither node nor edge")

    def node(self, node_id: str) -> Node | None:
        """Return the node with this id; None if there is none."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def children(self, parent: str) -> tuple[Node, ...]:
        """Return the nodes directly inside a node; for an empty id those inside of none."""
        return tuple(node for node in self.nodes if node.parent == parent)

    def __str__(self) -> str:
        """Return nodes, indented by what they are inside of, then edges, then findings."""
        links = (
            f"{edge.id}{_note(', '.join(edge.label.splitlines()))}{_note(_unusual(edge.state))}"
            for edge in self.edges
        )
        wrong = (f"! {f.item}: {f.actual}{_note(f'expected: {f.expected}')}" for f in self.findings)
        return "\n".join([*self._outline("", 0), *links, *wrong])

    def _outline(self, parent: str, depth: int) -> Iterator[str]:
        for node in self.children(parent):
            about = "".join(f", {line}" for line in node.lines)
            yield f"{'  ' * depth}{node.kind} {node.label}{about}{_note(_unusual(node.state))}"
            yield from self._outline(node.id, depth + 1)


def _unusual(state: str) -> str:
    return "" if state == "up" else state.upper()


def _note(text: str) -> str:
    return f" ({text})" if text else ""
