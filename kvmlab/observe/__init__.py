"""Read the topology of a running lab: from kernel, libvirt and firewall, never from a plan."""

from collections.abc import Iterable

from kvmlab._repr import Table
from kvmlab.observe.expectations import findings
from kvmlab.observe.guests import guest_edges, guest_nodes
from kvmlab.observe.kvm_host import host_edges, host_nodes
from kvmlab.observe.routing import routing_edges, routing_nodes
from kvmlab.observe.seen import Seen, SeenNetwork
from kvmlab.observe.views import DomainView, NetworkView, Observable
from kvmlab.observe.world import cables, world_nodes
from kvmlab.topology import Edge, Finding, Node, Topology

__all__ = ["DomainView", "NetworkView", "Observable", "snapshot"]


def snapshot(lab: Observable) -> Topology:
    """Return what is connected to what in a lab at this moment, and what is not as expected.

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
    nics = tuple(lab.guest_nics())  # first: guests take their time, and the others are to be of one moment
    domains = {domain.name: domain.state for domain in lab.domains()} | {
        nic.domain: nic.state for nic in nics
    }
    networks = tuple(map(SeenNetwork.of, lab.networks()))
    states = lab.network_state()
    seen = Seen(states, domains, nics, networks, lab.firewall_rules())
    nodes = (
        Node("host", "host", "KVM host", (f"guests run on {lab.accelerator}",)),
        *guest_nodes(seen),
        *host_nodes(seen),
        *routing_nodes(seen),
        *world_nodes(states),
    )
    edges = (*guest_edges(seen), *host_edges(seen), *routing_edges(seen), *cables(states))
    return _joined(nodes, edges, findings(seen))


def _joined(nodes: Iterable[Node], edges: Iterable[Edge], wrong: Iterable[Finding]) -> Topology:
    """Leave out edges to what is not there, as to a switch that nobody sees, and what was found at them."""
    kept = tuple(nodes)
    known = {node.id for node in kept}
    whole = {edge.id: edge for edge in edges if {edge.source, edge.target} <= known}
    told = Table(finding for finding in wrong if finding.item in known | set(whole))
    return Topology(kept, tuple(whole.values()), told)
