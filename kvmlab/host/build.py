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
        yield (
            host,
            [
                "link set lo up",
                *(line for nic in world.NICS if nic.host == host for line in _cable(nic)),
            ],
        )


def _cable(nic: world.Nic) -> tuple[str, str]:
    far_host, far = nic.peer
    return (
        f"link add {nic.name} address {nic.mac} type veth peer name {far} netns {far_host}",
        f"link set {nic.name} up",
    )


def _far_ends() -> Iterator[tuple[str, list[str]]]:
    """Yield what connects the far ends of the cables."""
    far = [nic.peer for nic in world.NICS]
    bridge = f"link add {SWITCH_BRIDGE} type bridge stp_state 0 forward_delay 0"
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
        routes = [f"route add {to} via {gateway}" for where, to, gateway in world.ROUTES if where == host]
        yield host, [*addresses, *routes]


def _write_sysctls(host: str, settings: dict[str, str]) -> None:
    own = kernel.OWN_NETNS if host == "host" else kernel.NETNS_DIR / host
    with kernel.inside_netns(own):
        for key, value in settings.items():
            Path("/proc/sys/net", key).write_text(value, encoding="ascii")
