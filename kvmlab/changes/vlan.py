"""VLANs in a lab: on its host, where the kernel has them, and in its guests."""

from collections.abc import Sequence

from kvmlab.changes.applied import Applied, apply
from kvmlab.commands.vlan import explain_vlan, explain_vlan_end, explain_vlan_filter, explain_vlan_filter_end
from kvmlab.errors import CommandError, HostError, SpecError
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.spec.vlan import PortVlans, VlanSpec

#: What the kernel says of a kind of link, or of a setting, that it was built without.
_LACKING = ("Unknown device type", "Operation not supported", "not supported")


def add_vlan(lab: Lab, spec: VlanSpec, *, where: str = "host") -> Applied:
    """Make a link whose frames carry a tag, in a guest or on a host of the lab.

    Parameters
    ----------
    lab
        A running lab.
    spec
        The link.
    where
        Name of a guest that runs, or a host of the lab: ``host``, ``pc`` and so on.

    Raises
    ------
    SpecError
        If there is no link below, or one of that name already.
    HostError
        If the kernel has no VLANs; nothing is changed then.
    CommandError
        If it refuses for another reason; all is as before then.
    """
    present = _links(lab, where)
    if spec.link not in present:
        known = ", ".join(sorted(set(present) - {"lo"}))
        raise SpecError(f"{where} has no link {spec.link!r}", hint=f"there are: {known}")
    if spec.name in present:
        raise SpecError(f"{where} has a link {spec.name!r} already", hint="remove() it first")
    explanation, end = explain_vlan(spec, where=where), explain_vlan_end(spec, where=where)
    try:
        return apply(lab, explanation, end)
    except CommandError as error:
        raise _lacking(error, where, "VLAN links", "CONFIG_VLAN_8021Q") from error


def filter_vlans(lab: Lab, bridge: str, ports: Sequence[PortVlans], *, where: str = "host") -> Applied:
    """Let a bridge look at tags, and say which VLANs its ports are in.

    Parameters
    ----------
    lab
        A running lab.
    bridge
        A bridge of the host, of a libvirt network or made by hand.
    ports
        What becomes of each port.
    where
        Name of a guest that runs, or a host of the lab.

    Raises
    ------
    SpecError
        If there is no such bridge or port.
    HostError
        If the kernel's bridges do not look at tags; nothing is changed then.
    CommandError
        If it refuses for another reason; all is as before then.
    """
    present = _links(lab, where)
    for name in (bridge, *(port.port for port in ports)):
        if name not in present:
            raise SpecError(f"{where} has no link {name!r}", hint=f"there are: {', '.join(sorted(present))}")
    explanation = explain_vlan_filter(bridge, ports, where=where)
    try:
        return apply(lab, explanation, explain_vlan_filter_end(bridge, ports, where=where))
    except CommandError as error:
        raise _lacking(error, where, "bridges that look at tags", "CONFIG_BRIDGE_VLAN_FILTERING") from error


def _links(lab: Lab, where: str) -> list[str]:
    """Return the names of the links of a host or guest, or refuse a name that both have."""
    if where in world.HOSTS:
        if where in [domain.name for domain in lab.domains()]:
            raise SpecError(
                f"a host of the lab and a guest are both called {where!r}",
                hint="give the guest another name",
            )
        return [link.name for link in lab.network_state([where])[where].links]
    return [link.name for link in lab.domain(where).links()]


def _lacking(error: CommandError, where: str, what: str, option: str) -> CommandError | HostError:
    """Return what to raise: an error of its own if the kernel lacks something."""
    if not any(words in error.stderr for words in _LACKING):
        return error
    return HostError(
        f"the kernel of {where} has no {what}: {error.stderr.strip()}",
        hint=f"it needs {option} (see `kvmlab doctor`); guests have a kernel of their own, which has them: "
        "where='vm1'",
    )
