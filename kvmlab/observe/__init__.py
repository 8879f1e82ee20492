"""Read the topology of a running lab: from kernel, libvirt and firewall, never from a plan."""

from kvmlab.observe.kvm_host import KvmHost, guest_nodes
from kvmlab.observe.views import NetworkView, Observable
from kvmlab.observe.world import cables, world_nodes
from kvmlab.topology import Node, Topology

__all__ = ["NetworkView", "Observable", "snapshot"]


def snapshot(lab: Observable) -> Topology:
    """Return what is connected to what in a lab at this moment.

    Parameters
    ----------
    lab
        A running lab.

    Raises
    ------
    kvmlab.errors.LabError
        If the lab does not run.

    Notes
    -----
    Sources: ``ip link``, ``ip address``, ``ip route`` and ``bridge link`` in
    each host of the lab, ``virsh dumpxml``, the guest agents, ``nft list
    ruleset`` and ``iptables-save``.
    """
    states = lab.network_state()
    nics = tuple(lab.guest_nics())
    kvm_host = KvmHost(states["host"], tuple(lab.networks()), tuple(lab.firewall_rules()))
    nodes = (
        Node("host", "host", "KVM host", (f"guests run on {lab.accelerator}",)),
        *guest_nodes(nics, kvm_host.state),
        *kvm_host.nodes(),
        *world_nodes(states),
    )
    known = {node.id for node in nodes}
    edges = (*kvm_host.guest_edges(nics), *kvm_host.edges(), *cables(states))
    return Topology(nodes, tuple(edge for edge in edges if {edge.source, edge.target} <= known))
