"""One word for all explanations."""

from kvmlab.commands.command import Explanation
from kvmlab.commands.domain import explain_domain
from kvmlab.commands.network import explain_network
from kvmlab.spec.network import NetworkSpec
from kvmlab.virt.domain import Domain


def explain(thing: NetworkSpec | Domain) -> Explanation:
    """Return the commands that give a real host the same, through libvirt.

    Parameters
    ----------
    thing
        Description of a network, or a domain that was defined.

    Examples
    --------
    >>> blue = NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
    >>> explain(blue).commands[1].argv
    ('virsh', 'net-start', 'blue')
    """
    if isinstance(thing, NetworkSpec):
        return explain_network(thing)
    return explain_domain(thing.name, xml=thing.xml(inactive=True))
