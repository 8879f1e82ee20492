"""What is connected to what: nodes and edges, as data; what is not as expected; the way of a packet.

:func:`kvmlab.observe.snapshot` reads a topology from a running lab;
:func:`kvmlab.drawing.draw` draws one.
"""

from kvmlab.topology.changes import Change, compare
from kvmlab.topology.graph import Edge, Finding, Node, Topology
from kvmlab.topology.nic import GuestNic, GuestVlan
from kvmlab.topology.trail import Passage, Sight, Step, Trail, ended, follow

__all__ = [
    "Change",
    "Edge",
    "Finding",
    "GuestNic",
    "GuestVlan",
    "Node",
    "Passage",
    "Sight",
    "Step",
    "Topology",
    "Trail",
    "compare",
    "ended",
    "follow",
]
