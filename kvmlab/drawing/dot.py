"""A topology in DOT, the language of graphviz."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from kvmlab.drawing.boxes import box, edge_label, guest, heading, quoted
from kvmlab.drawing.looks import Looks
from kvmlab.drawing.style import INK, SANS, SMALL, colours, edge_style
from kvmlab.topology import Node, Topology

#: Corner of a box in which its heading stands: one that no edge passes.
_HEADING = {"labelloc": "t", "labeljust": "l"}
_LAN_HEADING = {"labelloc": "b", "labeljust": "r"}

#: NICs that fit beside each other on the page of a notebook.
_BESIDE = 5


def digraph(topology: Topology, looks: Looks) -> Any:
    """Return the picture of a topology as a ``graphviz.Digraph``."""
    import graphviz

    wide = sum(node.kind == "nic" for node in topology.nodes) > _BESIDE
    graph = graphviz.Digraph("topology")
    graph.attr(rankdir="LR" if wide else "TB")
    # newrank: levels are those of the whole picture, not of each box
    graph.attr(newrank="true", nodesep="0.2", ranksep="0.26", margin="0", pad="0.14", bgcolor="transparent")
    graph.attr("node", shape="plain", fontname=SANS, fontcolor=INK)
    graph.attr("edge", dir="none", penwidth="1.4", fontname=SANS, fontsize=str(SMALL))
    _Picture(topology, looks, wide=wide).add_to(graph)
    return graph


class _Picture:
    """Adds the parts of a topology to a graph."""

    def __init__(self, topology: Topology, looks: Looks, *, wide: bool) -> None:
        self._topology = topology
        self._looks = looks
        self._wide = wide

    def add_to(self, graph: Any) -> None:
        self._add_nodes(graph, "")
        for edge in self._topology.edges:
            ends = (self._end(node_id) for node_id in (edge.source, edge.target))
            look = self._looks.of(edge.id)
            label = edge_label(edge.label.splitlines(), look)
            graph.edge(*ends, **({"label": label} if label else {}), **edge_style(edge, look))
        for source, target in self._loose():
            graph.edge(quoted(source), quoted(target), style="invis")

    def _add_nodes(self, graph: Any, parent: str) -> None:
        for node in self._topology.children(parent):
            inner = self._topology.children(node.id)
            if node.kind == "guest":
                table = guest(node, inner, self._looks.of, wide=self._wide)
            elif not inner:
                table = box(node, self._looks.of(node.id))
            else:
                self._add_cluster(graph, node)
                continue
            graph.node(quoted(node.id), label=f"<{table}>", tooltip=_literal(node.id))
        self._keep_order(graph, [n for n in self._topology.children(parent) if n.kind == "guest"])

    def _add_cluster(self, graph: Any, node: Node) -> None:
        with graph.subgraph(name=f"cluster {quoted(node.id)}") as cluster:
            fill, border = colours(node, self._looks.of(node.id))
            corner = _LAN_HEADING if node.kind == "lan" else _HEADING
            cluster.attr(label=f"<{heading(node)}>", style="rounded,filled", margin="9", **corner)
            cluster.attr(fillcolor=fill, color=border, tooltip=_literal(node.id))
            self._add_nodes(cluster, node.id)

    def _keep_order(self, graph: Any, guests: list[Node]) -> None:
        """Add invisible edges that keep the guests in their order, left to right or top down."""
        with graph.subgraph() as order:
            order.attr(rank="same")
            for one, next_one in pairwise(reversed(guests) if self._wide else guests):
                order.edge(quoted(one.id), quoted(next_one.id), style="invis")

    def _end(self, node_id: str) -> str:
        """Return where an edge ends: at a node, or at a cell of the table that a guest is drawn as."""
        node = self._topology.node(node_id)
        parent = self._topology.node(node.parent) if node else None
        if parent is not None and parent.kind == "guest":
            return f"{quoted(parent.id)}:{quoted(node_id)}:{'e' if self._wide else 's'}"
        return quoted(node_id)

    def _loose(self) -> Iterator[tuple[str, str]]:
        """Yield what leads nowhere, with the uplink: it stays on the guests' side of it."""
        uplink = next((node.id for node in self._topology.nodes if node.kind == "uplink"), "")
        sources = {edge.source for edge in self._topology.edges}
        inner = {node.parent for node in self._topology.nodes}
        for node in self._topology.children("host") if uplink else ():
            is_guest = node.kind == "guest" and not any(
                nic.id in sources for nic in self._topology.children(node.id)
            )
            if is_guest or (node.kind != "guest" and node.id not in sources | inner):
                yield node.id, uplink


def _literal(text: str) -> str:
    r"""Return text in which graphviz sees no escapes such as ``\n``."""
    return text.replace("\\", r"\\")
