"""Build the world of a lab, as it stands in :mod:`kvmlab.host.world`; runs as PID 1 of the lab."""

from collections.abc import Iterator
from pathlib import Path

from kvmlab._run import LocalRunner
from kvmlab.errors import CommandError, NetlinkError
from kvmlab.host import kernel, world

SWITCH_BRIDGE = "sw0"


def build_world(runner: LocalRunner) -> None:
    """Make the namespaces, cables, addresses, routes and rules of the world.

    Parameters
    ----------
    runner
        Runs ``ip`` and ``nft`` on the KVM host.

    Raises
    ------
    NetlinkError
        If the kernel refuses a step; the message names the host and the command.
    """
    _run_batch(runner, "host", [f"netns add {host}" for host in world.HOSTS if host != "host"])
    for host, settings in world.SYSCTLS.items():
        _write_sysctls(host, settings)
    for host, lines in (*_cables(), *_far_ends(), *_addresses()):
        _run_batch(runner, host, lines)
    try:
        runner.run(["ip", "netns", "exec", "router", "nft", "-f", "-"], stdin=world.ROUTER_RULES)
    except CommandError as error:
        raise NetlinkError(f"the kernel refused the firewall rules of the router: {error.stderr}") from error


def _run_batch(runner: LocalRunner, host: str, lines: list[str]) -> None:
    where = [] if host == "host" else ["-netns", host]
    try:
        runner.run(["ip", *where, "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))
    except CommandError as error:
        refused, number = error.stderr.strip().rsplit("Command failed -:", 1)
        raise NetlinkError(
            f"the kernel refused on {host!r}: ip {lines[int(number) - 1]}: {refused.strip()}"
        ) from error


def _cables() -> Iterator[tuple[str, list[str]]]:
    """Yield what plugs in the cables, at their near ends."""
    for host in dict.fromkeys(nic.host for nic in world.NICS):
        own = [nic for nic in world.NICS if nic.host == host]
        lines = [line for number, nic in enumerate(own) for line in _cable(number, nic)]
        yield host, ["link set lo up", *lines]


#: Indexes of the first link of a host after ``lo``, and of the first far end. Two ends of a cable with
#: the same index, each in its own namespace, look like one link to the kernel, and it may hold back the
#: news of a carrier for a second (linkwatch_urgent_event in net/core/link_watch.c).
_NEAR_INDEX, _FAR_INDEX = 2, 100


def _cable(number: int, nic: world.Nic) -> tuple[str, str]:
    far_host, far = nic.peer
    near = f"name {nic.name} index {_NEAR_INDEX + number} address {nic.mac}"
    peer = f"name {far} index {_FAR_INDEX + world.NICS.index(nic)} address {nic.peer_mac} netns {far_host}"
    return f"link add {near} type veth peer {peer}", f"link set {nic.name} up"


def _far_ends() -> Iterator[tuple[str, list[str]]]:
    """Yield what connects the far ends of the cables."""
    far = [nic.peer for nic in world.NICS]
    bridge = f"link add {SWITCH_BRIDGE} address {world.SWITCH_MAC} type bridge stp_state 0 forward_delay 0"
    ports = [f"link set {port} up master {SWITCH_BRIDGE}" for host, port in far if host == "switch"]
    yield "switch", [bridge, "link set lo up", f"link set {SWITCH_BRIDGE} up", *ports]
    yield "internet", ["link set lo up", *(f"link set {link} up" for host, link in far if host == "internet")]


def _addresses() -> Iterator[tuple[str, list[str]]]:
    """Yield what gives addresses and routes; by now every link has a carrier."""
    placed = [(nic.host, nic.name, address) for nic in world.NICS for address in nic.addresses]
    placed += [("internet", "isp0", address) for address in world.PROVIDER_ADDRESSES]
    placed += [("internet", "lo", address) for address in world.SERVER_ADDRESSES]
    for host in dict.fromkeys(host for host, _link, _address in placed):
        addresses = [f"address add {address} dev {link}" for where, link, address in placed if where == host]
        routes = [_route(to, gateway) for where, to, gateway in world.ROUTES if where == host]
        yield host, [*addresses, *routes]


def _route(destination: str, gateway: str) -> str:
    return f"route add {destination} via {gateway}" if gateway else f"route add unreachable {destination}"


def _write_sysctls(host: str, settings: dict[str, str]) -> None:
    own = kernel.OWN_NETNS if host == "host" else kernel.NETNS_DIR / host
    with kernel.inside_netns(own):
        for key, value in settings.items():
            try:
                Path("/proc/sys/net", key).write_text(value, encoding="ascii")
            except OSError as error:
                setting = f"net.{key.replace('/', '.')} = {value}"
                raise NetlinkError(f"the kernel refused on {host!r}: {setting}: {error.strerror}") from error
