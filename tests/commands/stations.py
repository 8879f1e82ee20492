"""Stations on a bridge of the lab's host, as light as a namespace, and who of them reaches whom."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_interface

from kvmlab._run import Runner
from kvmlab.host import world
from kvmlab.host.runner import HostRunner
from kvmlab.lab import Lab

#: Seconds in which what was asked for must happen; a guest's cold boot takes the most.
BOUND_S = 120.0
#: Where pings go to outside of the host, by IP version.
LAN = {4: world.PC_ADDRESS, 6: "2001:db8:1::20"}
INTERNET = {4: world.DNS_ADDRESS, 6: world.DNS_ADDRESS6}


@contextlib.contextmanager
def station(
    lab: Lab, name: str, *, bridge: str, addresses: Sequence[str], gateways: Sequence[str] = ()
) -> Iterator[HostRunner]:
    """Plug a station into a bridge; it has these addresses, and default routes through the gateways."""
    lab.host.run(["ip", "netns", "add", name])
    try:
        end = ["type", "veth", "peer", "name", "eth0", "netns", name]
        lab.host.run(["ip", "link", "add", "name", f"v-{name}", *end])
        lab.host.run(["ip", "link", "set", "dev", f"v-{name}", "master", bridge, "up"])
        own = HostRunner(name, lab_dir=lab.path)
        for link in ("lo", "eth0"):
            own.run(["ip", "link", "set", "dev", link, "up"])
        for address in addresses:
            own.run(["ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else [])])
        for gateway in gateways:
            family = ["-6"] if ":" in gateway else []  # a router may have advertised itself already
            own.run(["ip", *family, "route", "replace", "default", "via", gateway])
        assert in_time(lambda: is_forwarding(lab, f"v-{name}"))
        yield own
    finally:
        # first the cable, which would go some time after its namespace
        lab.host.run(["ip", "link", "delete", "dev", f"v-{name}"], check=False)
        lab.host.run(["ip", "netns", "delete", name])


def is_forwarding(lab: Lab, port: str) -> bool:
    """Whether a port of a bridge lets frames pass; with spanning tree the kernel holds it for seconds."""
    link = lab.network_state(["host"])["host"].link(port)
    return link is not None and link.port_state == "forwarding"


def in_time(happens: Callable[[], bool]) -> bool:
    """Whether something happens within the bound."""
    deadline = time.monotonic() + BOUND_S
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def pings(source: Runner, target: str) -> bool:
    """Whether an echo request is answered, at once or, once ARP or NDP have learnt the way, the next."""
    line = ["ping", "-n", "-c", "1", "-W", "1", target]
    return any(source.run(line, check=False).returncode == 0 for _ in range(2))


def reached(lab: Lab, *, bridge: str, subnets: Sequence[str], host: bool) -> set[str]:
    """Return who reaches whom, such as ``guest→LAN (IPv4)``.

    Parameters
    ----------
    lab
        A running lab.
    bridge
        Where two stations are plugged in.
    subnets
        Subnets of the network, at most one of each IP version.
    host
        Whether the lab's host has the first address of each subnet.
    """
    networks = [ip_interface(subnet).network for subnet in subnets]
    gateways = [str(network[1]) for network in networks] if host else []
    one, two = ([f"{network[n]}/{network.prefixlen}" for network in networks] for n in (5, 6))
    found = set()
    with (
        station(lab, "one", bridge=bridge, addresses=one, gateways=gateways) as guest,
        station(lab, "two", bridge=bridge, addresses=two, gateways=gateways),
    ):
        for network in networks:
            version = network.version
            ways = {
                "guest→guest": (guest, str(network[6])),
                "guest→host": (guest, str(network[1])),
                "host→guest": (lab.host, str(network[5])),
                "guest→LAN": (guest, LAN[version]),
                "guest→internet": (guest, INTERNET[version]),
                "LAN→guest": (lab.pc, str(network[5])),
            }
            found |= {f"{way} (IPv{version})" for way, ends in ways.items() if pings(*ends)}
    return found
