"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "the cause is named, and a third guest is started that has no fault"
SHORTCUT_EARNS = 2


def other_way(ex: Session) -> None:
    """Start the guest anew: what was changed in it is gone."""
    found = kl.diagnose(ex.lab)
    ex.answer(cause=found.causes[0])
    for name in found.findings[0].guests:
        guest = ex.lab.domain(name)
        guest.destroy()
        guest.start().wait_until_ready()


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    ex.answer(cause=kl.diagnose(ex.lab).causes[0])
    nic = kl.InterfaceSpec(network=ex.values.network, model="rtl8139")
    ex.lab.define(kl.DomainSpec(name="fresh", interfaces=[nic])).start().wait_until_ready()


def break_further(ex: Session) -> None:
    """Name a cause that it is not, and pull out a cable."""
    ex.answer(cause="uplink-down")
    ex.lab.host.run(["ip", "link", "set", "dev", "enp1s0", "down"])
