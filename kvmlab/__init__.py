"""Learn KVM networking by building it: a whole KVM host of your own, without root.

The names below are all that a notebook needs. They are loaded when they are
first used, so that ``import kvmlab`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from kvmlab.changes import (
        add_routes,
        add_vlan,
        filter_vlans,
        forward_port,
        forward_user_port,
        make_bridge,
        start_passt,
    )
    from kvmlab.commands import explain, explain_by_hand
    from kvmlab.diagnosis import diagnose, ladder
    from kvmlab.doctor import examine
    from kvmlab.drawing import draw
    from kvmlab.errors import KvmlabError
    from kvmlab.exercise import begin_exercise, list_exercises
    from kvmlab.experiment import LabSite, Plan, Results, run_experiment
    from kvmlab.exporting import export
    from kvmlab.fault import break_lab, list_faults, mend_lab
    from kvmlab.host.pci import pci_nics
    from kvmlab.image import build_image
    from kvmlab.lab import Lab, list_labs, start_all
    from kvmlab.measure.compare import compare
    from kvmlab.measure.connects import connects
    from kvmlab.measure.cpu import cpu_cost
    from kvmlab.measure.drops import read_drops
    from kvmlab.measure.exits import read_exits
    from kvmlab.measure.interrupts import read_interrupts
    from kvmlab.measure.iperf3 import both_directions, iperf3
    from kvmlab.measure.ping import ping
    from kvmlab.measure.requests import request_response
    from kvmlab.measure.udp import packet_rates, udp
    from kvmlab.nics import force_8139too, nic_models, try_drivers
    from kvmlab.observe import snapshot
    from kvmlab.reach import compare_modes, direct_nic, reachability
    from kvmlab.spec.boot import CloudImage, DirectBoot, DiskBoot
    from kvmlab.spec.bridge import BridgeSpec
    from kvmlab.spec.domain import DomainSpec
    from kvmlab.spec.forward import PortForward
    from kvmlab.spec.hostdev import PciPoolSpec
    from kvmlab.spec.interface import InterfaceSpec
    from kvmlab.spec.network import NetworkSpec
    from kvmlab.spec.source import Direct, Multicast, PciDevice, Tap, TcpSocket, UdpSocket
    from kvmlab.spec.user import UserForward, UserMode
    from kvmlab.spec.vlan import PortVlans, VlanSpec
    from kvmlab.tracing import trace
    from kvmlab.virt.anywhere import guest
    from kvmlab.watching import live

#: Where each public name lives.
_HOMES = {
    "BridgeSpec": "spec.bridge",
    "CloudImage": "spec.boot",
    "Direct": "spec.source",
    "DirectBoot": "spec.boot",
    "DiskBoot": "spec.boot",
    "DomainSpec": "spec.domain",
    "InterfaceSpec": "spec.interface",
    "KvmlabError": "errors",
    "Lab": "lab",
    "LabSite": "experiment",
    "Multicast": "spec.source",
    "NetworkSpec": "spec.network",
    "PciDevice": "spec.source",
    "PciPoolSpec": "spec.hostdev",
    "Plan": "experiment",
    "PortForward": "spec.forward",
    "PortVlans": "spec.vlan",
    "Results": "experiment",
    "Tap": "spec.source",
    "TcpSocket": "spec.source",
    "UdpSocket": "spec.source",
    "UserForward": "spec.user",
    "UserMode": "spec.user",
    "VlanSpec": "spec.vlan",
    "add_routes": "changes",
    "add_vlan": "changes",
    "begin_exercise": "exercise",
    "both_directions": "measure.iperf3",
    "break_lab": "fault",
    "build_image": "image",
    "compare": "measure.compare",
    "compare_modes": "reach",
    "connects": "measure.connects",
    "cpu_cost": "measure.cpu",
    "diagnose": "diagnosis",
    "direct_nic": "reach",
    "draw": "drawing",
    "examine": "doctor",
    "explain": "commands",
    "explain_by_hand": "commands",
    "export": "exporting",
    "filter_vlans": "changes",
    "force_8139too": "nics",
    "forward_port": "changes",
    "forward_user_port": "changes",
    "guest": "virt.anywhere",
    "iperf3": "measure.iperf3",
    "ladder": "diagnosis",
    "list_exercises": "exercise",
    "list_faults": "fault",
    "list_labs": "lab",
    "live": "watching",
    "make_bridge": "changes",
    "mend_lab": "fault",
    "nic_models": "nics",
    "packet_rates": "measure.udp",
    "pci_nics": "host.pci",
    "ping": "measure.ping",
    "reachability": "reach",
    "read_drops": "measure.drops",
    "read_exits": "measure.exits",
    "read_interrupts": "measure.interrupts",
    "request_response": "measure.requests",
    "run_experiment": "experiment",
    "snapshot": "observe",
    "start_all": "lab",
    "start_passt": "changes",
    "trace": "tracing",
    "try_drivers": "nics",
    "udp": "measure.udp",
}

__all__ = [
    "BridgeSpec",
    "CloudImage",
    "Direct",
    "DirectBoot",
    "DiskBoot",
    "DomainSpec",
    "InterfaceSpec",
    "KvmlabError",
    "Lab",
    "LabSite",
    "Multicast",
    "NetworkSpec",
    "PciDevice",
    "PciPoolSpec",
    "Plan",
    "PortForward",
    "PortVlans",
    "Results",
    "Tap",
    "TcpSocket",
    "UdpSocket",
    "UserForward",
    "UserMode",
    "VlanSpec",
    "__version__",
    "add_routes",
    "add_vlan",
    "begin_exercise",
    "both_directions",
    "break_lab",
    "build_image",
    "compare",
    "compare_modes",
    "connects",
    "cpu_cost",
    "diagnose",
    "direct_nic",
    "draw",
    "examine",
    "explain",
    "explain_by_hand",
    "export",
    "filter_vlans",
    "force_8139too",
    "forward_port",
    "forward_user_port",
    "guest",
    "iperf3",
    "ladder",
    "list_exercises",
    "list_faults",
    "list_labs",
    "live",
    "make_bridge",
    "mend_lab",
    "nic_models",
    "packet_rates",
    "pci_nics",
    "ping",
    "reachability",
    "read_drops",
    "read_exits",
    "read_interrupts",
    "request_response",
    "run_experiment",
    "snapshot",
    "start_all",
    "start_passt",
    "trace",
    "try_drivers",
    "udp",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes longer to load than all of this

        return version("kvmlab")
    if name not in _HOMES:
        raise AttributeError(f"module 'kvmlab' has no attribute {name!r}")
    return getattr(import_module(f"kvmlab.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
