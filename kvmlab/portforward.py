"""Lead a port of a lab's host to a guest, with the very commands that are shown."""

import re
from dataclasses import dataclass

from kvmlab.commands import Explanation, explain_port_forward, explain_port_forward_end
from kvmlab.commands.forward import Backend
from kvmlab.errors import KvmlabError, SpecError
from kvmlab.lab import Lab
from kvmlab.spec.forward import PortForward
from kvmlab.spec.network import NetworkSpec

_HANDLE = re.compile(r"# handle (\d+)")


@dataclass(frozen=True, slots=True)
class ActiveForward:
    """A port forward that is in place; made by :func:`forward_port`.

    Attributes
    ----------
    explanation
        The commands that were run on the host.
    """

    lab: Lab
    explanation: Explanation
    end: Explanation

    def __repr__(self) -> str:
        return str(self.explanation)

    def _repr_markdown_(self) -> str:
        return self.explanation._repr_markdown_()

    def remove(self) -> Explanation:
        """Take it back; return the commands that did.

        Raises
        ------
        CommandError
            If the host refuses, for example because libvirt's rules were replaced meanwhile.
        """
        for command in self.end.commands:
            command.run(self.lab.host)
        return self.end


def forward_port(lab: Lab, network: NetworkSpec, forward: PortForward) -> ActiveForward:
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
        If the port leads somewhere already, or the address is not in the network.
    CommandError
        If the host refuses a rule; what was done before is taken back.
    """
    backend = _backend(lab)
    present = {rule.table for rule in lab.firewall_rules()}
    if forward.table in present:
        raise SpecError(
            f"{forward.protocol} port {forward.port} of the host leads somewhere already",
            hint="remove() that forward first, or choose another port",
        )
    explanation = explain_port_forward(network, forward, backend=backend)
    translate, accept, *_ = explanation.commands
    translate.run(lab.host)
    try:
        said = accept.run(lab.host).stdout
    except KvmlabError:
        lab.host.run(["nft", "delete", "table", "ip", forward.table])
        raise
    found = _HANDLE.search(said)
    handle = int(found[1]) if found else None
    end = explain_port_forward_end(network, forward, backend=backend, handle=handle)
    return ActiveForward(lab, explanation, end)


def _backend(lab: Lab) -> Backend:
    """Return what libvirt writes its rules with, judging by the rules."""
    own = {rule.table for rule in lab.firewall_rules() if rule.by_libvirt}
    return "nftables" if "libvirt_network" in own else "iptables"
