"""The lab: a KVM host of your own, with a LAN and an internet around it."""

from kvmlab.lab.lab import DaemonState, Lab, lab_dir, labs_dir, start_all
from kvmlab.lab.listing import LabInfo, list_labs

__all__ = ["DaemonState", "Lab", "LabInfo", "lab_dir", "labs_dir", "list_labs", "start_all"]
