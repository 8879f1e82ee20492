"""Build the world of a lab with netlink; runs as PID 1 of the lab."""

import os
from pathlib import Path

from pyroute2 import IPRoute, netns
from pyroute2.netlink.exceptions import NetlinkError as Pyroute2Error

from kvmlab._run import LocalRunner
from kvmlab.errors import NetlinkError
from kvmlab.host import world

SWITCH_BRIDGE = "sw0"


def build_world(runner: LocalRunner) -> None:
    """Make the namespaces, cables, addresses, routes and rules of the world.

    Parameters
    ----------
    runner
        Runs ``nft`` in the lab.

    Raises
    ------
    NetlinkError
        If the kernel refuses a step; the message names the host and the link.
    """
    for host in world.HOSTS:
        if host != "host":
            netns.create(host)
        _set_sysctls(host)
    sockets = {host: IPRoute(netns=host if host != "host" else None) for host in world.HOSTS}
    try:
        _build(sockets)
    except Pyroute2Error as error:
        raise NetlinkError(f"the kernel refused to build the world: {error}") from error
    finally:
        for socket in sockets.values():
            socket.close()
    runner.run(["ip", "netns", "exec", "router", "nft", "-f", "-"], stdin=world.ROUTER_RULES)


def _build(sockets: dict[str, IPRoute]) -> None:
    switch = sockets["switch"]
    switch.link("add", ifname=SWITCH_BRIDGE, kind="bridge", br_stp_state=0, br_forward_delay=0)
    bridge = _index(switch, SWITCH_BRIDGE)
    switch.link("set", index=bridge, state="up")
    for ipr in sockets.values():
        ipr.link("set", index=1, state="up")
    for nic in world.NICS:
        _plug(sockets, nic)
        if nic.peer[0] == "switch":
            port = _index(switch, nic.peer[1])
            switch.link("set", index=port, master=bridge)
    for address in world.PROVIDER_ADDRESSES:
        _add_address(sockets["internet"], "isp0", address)
    for address in world.SERVER_ADDRESSES:
        _add_address(sockets["internet"], "lo", address)
    for host, destination, gateway in world.ROUTES:
        sockets[host].route("add", dst=destination, gateway=gateway)


def _plug(sockets: dict[str, IPRoute], nic: world.Nic) -> None:
    near, far = sockets[nic.host], sockets[nic.peer[0]]
    peer = {"ifname": nic.peer[1], "net_ns_fd": nic.peer[0]}
    near.link("add", ifname=nic.name, kind="veth", address=nic.mac, peer=peer)
    far.link("set", index=_index(far, nic.peer[1]), state="up")
    near.link("set", index=_index(near, nic.name), state="up")
    for address in nic.addresses:
        _add_address(near, nic.name, address)


def _add_address(ipr: IPRoute, link: str, address: str) -> None:
    host, prefix_length = address.split("/")
    ipr.addr("add", index=_index(ipr, link), address=host, prefixlen=int(prefix_length))


def _index(ipr: IPRoute, name: str) -> int:
    found: list[int] = list(ipr.link_lookup(ifname=name))
    if not found:
        raise NetlinkError(f"link {name!r} does not exist")
    return found[0]


def _set_sysctls(host: str) -> None:
    settings = world.SYSCTLS.get(host, {})
    if host == "host":
        write_sysctls(settings)
        return
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            netns.setns(host)
            write_sysctls(settings)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        raise NetlinkError(f"the sysctls of {host!r} could not be set")


def write_sysctls(settings: dict[str, str]) -> None:
    """Write sysctls of the present network namespace."""
    for key, value in settings.items():
        Path("/proc/sys/net", key).write_text(value, encoding="ascii")
