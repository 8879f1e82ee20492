"""Direct mode in a lab, with real root and without."""

from kvmlab.changes.applied import Applied, apply
from kvmlab.commands.direct import GluedTap, explain_glued_tap, explain_glued_tap_end
from kvmlab.errors import SpecError
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
        If the link below does not exist, or a name is in use.
    CommandError
        If the kernel refuses, for example a mode that it does not have; all is as before then.
    """
    state = lab.network_state(["host"])["host"]
    _check_lower(tap.direct, {link.name for link in state.links})
    for name in (tap.name, tap.macvlan):
        if state.link(name) is not None:
            raise SpecError(f"the host has a link {name!r} already", hint="choose another name")
    return apply(lab, explain_glued_tap(tap), explain_glued_tap_end(tap))


def _check_lower(direct: Direct, present: set[str]) -> None:
    if direct.dev not in present:
        raise SpecError(
            f"direct mode: the host has no link {direct.dev!r}",
            hint=f"there are: {', '.join(sorted(present - {'lo'}))}",
        )
