"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "the cause is named, and a second network is started that has no fault"
SHORTCUT_EARNS = 2


def other_way(ex: Session) -> None:
    """Start the network anew, and plug the guests in again: libvirt sees to all the rest."""
    ex.answer(cause=kl.diagnose(ex.lab).causes[0])
    taps = [nic.tap for nic in ex.lab.guest_nics()]
    network = ex.lab.network(ex.values.network)
    if network.is_active:
        ex.lab.host.run(["virsh", "net-destroy", network.name])
    ex.lab.host.run(["virsh", "net-start", network.name])
    for tap in taps:
        ex.lab.host.run(["ip", "link", "set", "dev", tap, "master", network.bridge])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    ex.answer(cause=kl.diagnose(ex.lab).causes[0])
    ex.lab.define(kl.NetworkSpec(name="fresh", subnet="10.77.0.0/24")).start()


def break_further(ex: Session) -> None:
    """Name a cause that it is not, and pull out a cable."""
    ex.answer(cause="dns-wrong")
    ex.lab.host.run(["ip", "link", "set", "dev", "enp1s0", "down"])
