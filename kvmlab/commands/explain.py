"""One word for all explanations."""

from kvmlab.commands.command import Explanation
from kvmlab.commands.domain import explain_domain
from kvmlab.commands.network import explain_network
from kvmlab.commands.vlan import explain_vlan
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.vlan import VlanSpec
from kvmlab.virt.domain import Domain


def explain(thing: NetworkSpec | VlanSpec | Domain) -> Explanation:
    """Return the commands that give a real host the same: libvirt's, or the kernel's where it is a link.

    Parameters
    ----------
    thing
        Description of a network or of a VLAN, or a domain that was defined.

    Examples
    --------
    >>> blue = NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
    >>> explain(blue).commands[1].argv
    ('virsh', 'net-start', 'blue')
    """
    if isinstance(thing, NetworkSpec):
        return explain_network(thing)
    if isinstance(thing, VlanSpec):
        return explain_vlan(thing)
    return explain_domain(thing.name, xml=thing.xml(inactive=True))
