"""Bridges and their ports, and the libvirt networks that name them."""

from kvmlab.check.judgement import Missing, Seen, find_domain, find_link, find_network, judge
from kvmlab.check.result import CheckResult
from kvmlab.errors import SpecError
from kvmlab.evidence.definition import DefinedNic, parse_nics, read_network
from kvmlab.host.links import Link, NetworkState
from kvmlab.lab import Lab

_FORWARDING = "forwarding"


def is_port(lab: Lab, name: str, bridge: str) -> CheckResult:
    """Check that a link of the host, or a domain's tap, is a port of a bridge and passes frames.

    Parameters
    ----------
    lab
        A running lab.
    name
        A link of the host, or a domain with one NIC or more.
    bridge
        Name of the bridge.
    """

    def look() -> Seen:
        state = lab.network_state(["host"])["host"]
        if find_link(state, bridge).kind != "bridge":
            raise Missing(f"{bridge} is no bridge")
        ports = [find_link(state, name)] if state.link(name) else taps(lab, name, state)
        own = [port for port in ports if port.master == bridge] or ports
        return Seen(own[0].master == bridge and own[0].port_state == _FORWARDING, _described(own[0]))

    return judge(
        f"{name} is a port of {bridge}",
        look,
        expected=f"a port of {bridge} in the state {_FORWARDING}",
        hint=f"`bridge link show`; `ip link set dev LINK master {bridge}` makes a link a port",
    )


def _described(port: Link) -> str:
    if not port.master:
        return f"{port.name} is a port of no bridge"
    return f"{port.name} is a port of {port.master}, {port.port_state}"


def taps(lab: Lab, domain: str, state: NetworkState) -> list[Link]:
    """Return the taps of a domain.

    Raises
    ------
    Missing
        If there is no such domain, it does not run, or it has no tap.
    """
    names = [nic.tap for nic in _nics(lab, domain)]
    found = [link for name in names if name and (link := state.link(name)) is not None]
    if not found:
        raise Missing(f"domain {domain!r} has no tap")
    return found


def _nics(lab: Lab, domain: str) -> list[DefinedNic]:
    xml = find_domain(lab, domain).xml()
    return list(parse_nics(domain, "running", xml, bridges={}))


def ports_are_isolated(lab: Lab, *domains: str) -> CheckResult:
    """Check that the taps of guests are isolated ports, which do not talk to each other (bridge(8))."""
    if len(set(domains)) < 2:
        raise SpecError("one isolated port alone separates nobody", hint="name two domains or more")

    def look() -> Seen:
        state = lab.network_state(["host"])["host"]
        ports = [port for domain in domains for port in taps(lab, domain, state)]
        text = ", ".join(f"{p.name} {'is' if p.is_isolated else 'is not'} isolated" for p in ports)
        return Seen(all(port.is_isolated for port in ports), text)

    return judge(
        f"{', '.join(domains)} are at isolated ports",
        look,
        expected="every tap is an isolated port",
        hint="`bridge -details link show`; InterfaceSpec(isolated=True) asks libvirt for it",
    )


def network_is_active(lab: Lab, network: str, *, forward: str | None) -> CheckResult:
    """Check that a libvirt network is started, with a forward mode.

    Parameters
    ----------
    lab
        A running lab.
    network
        Its name.
    forward
        ``nat``, ``route``, ``open``, ``bridge``; None for an isolated network.
    """

    def look() -> Seen:
        found = find_network(lab, network)
        mode = found.forward or None
        return Seen(mode == forward, f"active, {_mode(mode)}")

    return judge(
        f"network {network} is active",
        look,
        expected=f"active, {_mode(forward)}",
        hint=f"`virsh net-list --all` and `virsh net-dumpxml {network}`",
    )


def _mode(forward: str | None) -> str:
    return f"forward mode {forward}" if forward else "isolated"


def network_autostarts(lab: Lab, network: str) -> CheckResult:
    """Check that a libvirt network is started with its host."""

    def look() -> Seen:
        autostarts = read_network(find_network(lab, network, active=False)).autostarts
        return Seen(autostarts, f"autostart is {'on' if autostarts else 'off'}")

    return judge(
        f"network {network} is started with the host",
        look,
        expected="autostart is on",
        hint=f"`virsh net-autostart {network}`",
    )
