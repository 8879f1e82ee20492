"""Direct mode in a lab, with real root and without."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.commands.direct import GluedTap, explain_glued_tap, explain_glued_tap_end
from kvmlab.errors import SpecError
from kvmlab.host import world
from kvmlab.host.links import NetworkState
from kvmlab.lab import Lab
from kvmlab.spec.source import Direct


def make_glued_tap(lab: Lab, tap: GluedTap) -> Applied:
    """Make a tap that stands for a macvtap, on the lab's host.

    Parameters
    ----------
    lab
        A running lab.
    tap
        Its name, the link below, the guest's MAC address.

    Raises
    ------
    SpecError
        If the link below does not exist or is not free, or a name is in use.
    CommandError
        If the kernel refuses, for example a mode that it does not have; all is as before then.
    """
    state = lab.network_state(["host"])["host"]
    check_lower(tap.direct, state)
    for name in (tap.name, tap.macvlan):
        if state.link(name) is not None:
            raise SpecError(f"the host has a link {name!r} already", hint="choose another name")
    return apply(lab, explain_glued_tap(tap), explain_glued_tap_end(tap))


def check_lower(direct: Direct, host: NetworkState) -> None:
    """Refuse a link that cannot be used in this mode.

    Raises
    ------
    SpecError
        If there is no such link; in mode passthrough, if it is not free.
    """
    if host.link(direct.dev) is None:
        known = ", ".join(link.name for link in host.links if link.name != "lo")
        raise SpecError(f"direct mode: the host has no link {direct.dev!r}", hint=f"there are: {known}")
    if direct.mode != "passthrough":
        return
    own = [address.cidr for address in host.addresses_of(direct.dev) if address.scope == "global"]
    if own:
        raise SpecError(
            f"direct mode: {direct.dev!r} has the host's own address {own[0]}, and in mode passthrough a "
            "guest takes it whole",
            hint=f"take a link that is free, such as {world.SPARE_UPLINK!r}",
        )
    users = [link.name for link in host.links if link.lower == direct.dev]
    if users:
        raise SpecError(
            f"direct mode: {direct.dev!r} carries {', '.join(users)} already, and in mode passthrough a "
            "guest takes it whole",
            hint="stop the guest that has it, or take another link",
        )
