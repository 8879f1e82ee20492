"""The lab: a KVM host of your own, with a LAN and an internet around it.

Its names are loaded when they are first used: to list labs takes no libvirt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmlab.lab.lab import DaemonState, Lab, start_all
    from kvmlab.lab.listing import LabInfo, list_labs, stop_lab
    from kvmlab.lab.places import lab_dir, labs_dir

_HOMES = {
    "DaemonState": "lab",
    "Lab": "lab",
    "LabInfo": "listing",
    "lab_dir": "places",
    "labs_dir": "places",
    "list_labs": "listing",
    "find_old": "pruning",
    "remove_image": "pruning",
    "remove_old": "pruning",
    "start_all": "lab",
    "stop_lab": "listing",
}

__all__ = ["DaemonState", "Lab", "LabInfo", "lab_dir", "labs_dir", "list_labs", "start_all", "stop_lab"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kvmlab.lab' has no attribute {name!r}")
    return getattr(import_module(f"kvmlab.lab.{_HOMES[name]}"), name)
