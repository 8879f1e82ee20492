"""Changes of a lab's hosts, made with the very commands that are shown, and taken back."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.changes.bridge import make_bridge
from kvmlab.changes.direct import make_glued_tap
from kvmlab.changes.forward import forward_port
from kvmlab.changes.route import add_routes

__all__ = ["Applied", "add_routes", "apply", "forward_port", "make_bridge", "make_glued_tap"]
