"""Bridged mode: a bridge on the uplink of a lab's host."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.commands.bridge import UplinkState, explain_bridge, explain_bridge_end
from kvmlab.errors import SpecError
from kvmlab.host.links import NetworkState
from kvmlab.lab import Lab
from kvmlab.spec.bridge import BridgeSpec


def make_bridge(lab: Lab, spec: BridgeSpec) -> Applied:
    """Make a bridge on the lab's host; addresses of its uplink move to it.

    Parameters
    ----------
    lab
        A running lab.
    spec
        The bridge.

    Raises
    ------
    SpecError
        If a link of that name exists, or a network has the name for its bridge, or the
        uplink does not exist or cannot be a port.
    CommandError
        If the host refuses a command; all is as before then.
    """
    state = lab.network_state(["host"])["host"]
    _check_name(lab, spec, state)
    _check_uplink(spec, state)
    uplink = uplink_state(state, spec.uplink) if spec.uplink else UplinkState()
    return apply(lab, explain_bridge(spec, uplink), explain_bridge_end(spec, uplink))


def uplink_state(state: NetworkState, uplink: str) -> UplinkState:
    """Return what would move from an uplink to its bridge."""
    # What the link gave itself from router advertisements, the bridge will do, too.
    own = (a for a in state.addresses_of(uplink) if not (a.is_dynamic and ":" in a.address))
    addresses = (address for address in own if address.scope == "global")
    routes = (
        route for route in state.routes if route.link == uplink and route.protocol not in ("kernel", "ra")
    )
    return UplinkState(tuple(a.cidr for a in addresses), tuple(routes))


def _check_name(lab: Lab, spec: BridgeSpec, state: NetworkState) -> None:
    if state.link(spec.name) is not None:
        raise SpecError(
            f"bridge {spec.name!r}: the host has a link of that name already", hint="choose another name"
        )
    owners = [network.name for network in lab.networks() if network.bridge == spec.name]
    if owners and lab.network(owners[0]).forward != "bridge":
        raise SpecError(
            f"bridge {spec.name!r}: network {owners[0]!r} makes a bridge of that name when it is started",
            hint="choose another name, or undefine() the network first",
        )


def _check_uplink(spec: BridgeSpec, state: NetworkState) -> None:
    if spec.uplink is None:
        return
    uplink = state.link(spec.uplink)
    if uplink is None:
        known = ", ".join(link.name for link in state.links if link.kind == "veth")
        raise SpecError(
            f"bridge {spec.name!r}: the host has no link {spec.uplink!r}", hint=f"its uplinks are: {known}"
        )
    if uplink.master:
        raise SpecError(
            f"bridge {spec.name!r}: {spec.uplink!r} is a port of bridge {uplink.master!r} already",
            hint="a link is a port of one bridge only: use that bridge, or remove it first",
        )
    if uplink.kind in ("loopback", "bridge"):
        raise SpecError(
            f"bridge {spec.name!r}: {spec.uplink!r} is a {uplink.kind} link, which the kernel does not take "
            "for a port",
            hint="two bridges are joined by a veth pair"
            if uplink.kind == "bridge"
            else "name a network card",
        )
    above = [link.name for link in state.links if link.lower == spec.uplink and "mac" in link.kind]
    if above:
        raise SpecError(
            f"bridge {spec.name!r}: {spec.uplink!r} carries {', '.join(above)} (direct mode) already",
            hint="the kernel hands what a link receives to a bridge or to macvlans, not to both: "
            "remove those, or take another link",
        )
