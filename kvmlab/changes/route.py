"""Routes that a lab's hosts need to find networks behind the KVM host."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.commands.route import explain_route, explain_route_end
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.spec.network import NetworkSpec


def add_routes(lab: Lab, network: NetworkSpec) -> list[Applied]:
    """Tell the LAN's router where the subnets of a routed or open network are.

    Parameters
    ----------
    lab
        A running lab.
    network
        Description of the network.

    Returns
    -------
    list
        One change per subnet, IPv4 first.

    Raises
    ------
    CommandError
        If the router refuses, for example because it has that route.
    """
    made: list[Applied] = []
    for subnet in network.subnets:
        via = world.HOST_ADDRESS if subnet.version == 4 else world.HOST_ADDRESS6
        text = str(subnet)
        made.append(apply(lab, explain_route(text, via=via), explain_route_end(text, via=via)))
    return made
