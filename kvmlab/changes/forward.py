"""Lead a port of a lab's host to a guest, with the very commands that are shown."""

import re

from kvmlab.changes.applied import Applied, run
from kvmlab.commands import explain_port_forward, explain_port_forward_end
from kvmlab.commands.forward import Backend
from kvmlab.errors import SpecError
from kvmlab.lab import Lab
from kvmlab.spec.forward import PortForward
from kvmlab.spec.network import NetworkSpec

_HANDLE = re.compile(r"# handle (\d+)")


def forward_port(lab: Lab, network: NetworkSpec, forward: PortForward) -> Applied:
    """Lead a port of the lab's host to a guest in a NAT network.

    Parameters
    ----------
    lab
        A running lab.
    network
        Description of the guest's network, which is started.
    forward
        What leads where.

    Raises
    ------
    SpecError
        If the port leads somewhere already, the network is not started, or the address is not in it.
    CommandError
        If the host refuses a rule; what was done before is taken back.
    """
    if not lab.network(network.name).is_active:
        raise SpecError(
            f"network {network.name!r} is not started, so that nothing can be led into it",
            hint=f"lab.network({network.name!r}).start() first",
        )
    backend = _backend(lab)
    if forward.table in {rule.table for rule in lab.firewall_rules()}:
        raise SpecError(
            f"{forward.protocol} port {forward.port} of the host leads somewhere already",
            hint="remove() that forward first, or choose another port",
        )
    explanation = explain_port_forward(network, forward, backend=backend)
    translate, accept, *_ = explanation.commands
    run(lab, translate)
    try:
        said = run(lab, accept).stdout
    except BaseException:
        lab.host.run(["nft", "delete", "table", "ip", forward.table], check=False)
        raise
    # Only nft prints the number that its rule is found by later.
    found = _HANDLE.search(said)
    handle = int(found[1]) if found else None
    end = explain_port_forward_end(network, forward, backend=backend, handle=handle)
    return Applied(lab, explanation, end)


def _backend(lab: Lab) -> Backend:
    """Return what libvirt writes its rules with, judging by the rules."""
    own = {rule.table for rule in lab.firewall_rules() if rule.by_libvirt}
    return "nftables" if "libvirt_network" in own else "iptables"
