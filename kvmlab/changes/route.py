"""Routes that a lab's hosts need to find networks behind the KVM host."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.commands.route import explain_route, explain_route_end
from kvmlab.errors import SpecError
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
    SpecError
        If the network has no subnet, or the router has a route to one already.
    CommandError
        If the router refuses; all is as before then.
    """
    _check(lab, network)
    made: list[Applied] = []
    try:
        for subnet in network.subnets:
            via = world.HOST_ADDRESS if subnet.version == 4 else world.HOST_ADDRESS6
            text = str(subnet)
            made.append(apply(lab, explain_route(text, via=via), explain_route_end(text, via=via)))
    except BaseException:
        for change in made:
            change.remove()
        raise
    return made


def _check(lab: Lab, network: NetworkSpec) -> None:
    if not network.subnets:
        raise SpecError(
            f"network {network.name!r} has no subnet that a route could lead to",
            hint="give it one: NetworkSpec(subnet=…)",
        )
    wanted = {str(subnet) for subnet in network.subnets}
    for route in lab.network_state(["router"])["router"].routes:
        if route.destination in wanted:
            way = f"via {route.gateway}" if route.gateway else f"through {route.link}"
            raise SpecError(
                f"the router has a route to {route.destination} already, {way}",
                hint=f"remove() it, or `ip route delete {route.destination}` on lab.router",
            )
