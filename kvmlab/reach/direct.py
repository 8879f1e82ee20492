"""A NIC in direct mode, whatever rights the lab has."""

from kvmlab.changes.direct import check_lower, make_glued_tap
from kvmlab.commands.direct import GluedTap
from kvmlab.host.namespaces import owns_machine
from kvmlab.lab import Lab
from kvmlab.spec import addressing
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.source import Direct


def direct_nic(
    lab: Lab, domain: str, direct: Direct, *, model: str = "virtio", index: int = 0
) -> InterfaceSpec:
    """Return a NIC in direct mode: a macvtap with real root, else a macvlan and a tap.

    Parameters
    ----------
    lab
        A running lab; without real root macvlan and tap are made on its host.
    domain
        Name of the domain that gets it; the MAC address follows from it.
    direct
        The link below, and the mode.
    model
        NIC model.
    index
        Number of the NIC in the domain.

    Raises
    ------
    SpecError
        If the link below does not exist, or in mode passthrough is not free.
    CommandError
        If the kernel refuses.
    """
    mac = addressing.mac_for(lab.name, domain, index)
    if owns_machine():
        check_lower(direct, lab.network_state(["host"])["host"])
        return InterfaceSpec(source=direct, model=model, mac=mac)
    tap = GluedTap(name=f"{domain}-{index}", direct=direct, mac=mac)
    make_glued_tap(lab, tap)
    return InterfaceSpec(source=tap.source, model=model, mac=mac)
