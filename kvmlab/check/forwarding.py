"""Hosts as routers: whether they forward, and which ways they know."""

from ipaddress import ip_network

from kvmlab.check.judgement import Seen, check_host, host_runner, judge
from kvmlab.check.result import CheckResult
from kvmlab.evidence.host import read_host
from kvmlab.lab import Lab


def forwards(lab: Lab, *, host: str = "host") -> CheckResult:
    """Check that a host forwards IPv4 packets."""
    runner = host_runner(lab, host)

    def look() -> Seen:
        is_on = read_host(runner).forwards
        return Seen(is_on, f"net.ipv4.ip_forward = {int(is_on)}")

    return judge(
        f"{host} forwards IPv4",
        look,
        expected="net.ipv4.ip_forward = 1",
        hint="`sysctl --write net.ipv4.ip_forward=1`",
    )


def knows_route(lab: Lab, subnet: str, *, via: str, host: str = "router") -> CheckResult:
    """Check that a host has a route to a subnet.

    Parameters
    ----------
    lab
        A running lab.
    subnet
        In CIDR notation.
    via
        Address of the next hop.
    host
        Host of the lab.
    """
    check_host(host)
    wanted = str(ip_network(subnet))

    def look() -> Seen:
        routes = [route for route in lab.network_state([host])[host].routes if route.destination == wanted]
        text = ", ".join(f"via {r.gateway or 'its own link'} dev {r.link or r.kind}" for r in routes)
        return Seen(any(route.gateway == via for route in routes), text or "no route")

    return judge(
        f"{host} knows the way to {wanted}",
        look,
        expected=f"a route via {via}",
        hint=f"on {host}: `ip route`; `ip route add {wanted} via {via}` adds it",
    )
