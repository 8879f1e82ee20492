"""A static route on the LAN's router: what routed mode leaves to its user."""

from kvmlab.commands.command import Command, Explanation


def explain_route(subnet: str, *, via: str, where: str = "router") -> Explanation:
    """Return the command that tells a router where a subnet is.

    Parameters
    ----------
    subnet
        In CIDR notation, IPv4 or IPv6.
    via
        Address of the KVM host in the router's own subnet.
    where
        Host of the lab that is told.
    """
    return Explanation(
        f"{where} knows the way to {subnet}",
        (Command(_route("add", subnet, via), f"What is for {subnet} goes to the KVM host", where=where),),
    )


def explain_route_end(subnet: str, *, via: str, where: str = "router") -> Explanation:
    """Return the command that takes the route back."""
    return Explanation(
        f"{where} forgets the way to {subnet}",
        (Command(_route("delete", subnet, via), "Remove the route", where=where),),
    )


def _route(verb: str, subnet: str, via: str) -> tuple[str, ...]:
    family = ("-6",) if ":" in subnet else ()
    return ("ip", *family, "route", verb, subnet, "via", via)
