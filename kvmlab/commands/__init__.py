"""The commands that do the same on a real host: runnable, and shown as shell text.

Each function describes one thing; nothing is run here. The tests run every
command in a lab.
"""

from kvmlab.commands.command import Command, Explanation
from kvmlab.commands.domain import explain_domain, explain_interface
from kvmlab.commands.explain import explain
from kvmlab.commands.forward import explain_port_forward, explain_port_forward_end
from kvmlab.commands.network import explain_by_hand, explain_network

__all__ = [
    "Command",
    "Explanation",
    "explain",
    "explain_by_hand",
    "explain_domain",
    "explain_interface",
    "explain_network",
    "explain_port_forward",
    "explain_port_forward_end",
]
