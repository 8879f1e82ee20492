"""Changes of a lab's hosts, made with the very commands that are shown, and taken back."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.changes.bridge import make_bridge
from kvmlab.changes.direct import make_glued_tap
from kvmlab.changes.forward import forward_port
from kvmlab.changes.route import add_routes
from kvmlab.changes.user import forward_user_port, start_passt
from kvmlab.changes.vlan import add_vlan, filter_vlans

__all__ = [
    "Applied",
    "add_routes",
    "add_vlan",
    "apply",
    "filter_vlans",
    "forward_port",
    "forward_user_port",
    "make_bridge",
    "make_glued_tap",
    "start_passt",
]
