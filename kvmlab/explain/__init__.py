"""The commands that do the same on a real host: runnable, and shown as shell text.

Each function describes one thing; nothing is run here. The tests run every
command in a lab.
"""

from kvmlab.explain.command import Command, Explanation
from kvmlab.explain.domain import explain_domain, explain_interface
from kvmlab.explain.forward import PortForward, explain_port_forward, explain_port_forward_end
from kvmlab.explain.network import explain_network, explain_network_by_hand

__all__ = [
    "Command",
    "Explanation",
    "PortForward",
    "explain_domain",
    "explain_interface",
    "explain_network",
    "explain_network_by_hand",
    "explain_port_forward",
    "explain_port_forward_end",
]
