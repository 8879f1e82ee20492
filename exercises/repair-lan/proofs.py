"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "the cause is named, and nothing is repaired"
SHORTCUT_EARNS = 2


def other_way(ex: Session) -> None:
    """Start both guests anew: libvirt plugs them in as they were."""
    ex.answer(cause=kl.diagnose(ex.lab).causes[0])
    guests = [ex.lab.domain(name) for name in (ex.values.one, ex.values.other)]
    for guest in guests:
        guest.destroy()
    kl.start_all(guests)


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    ex.answer(cause=kl.diagnose(ex.lab).causes[0])


def break_further(ex: Session) -> None:
    """Name a cause that it is not, and pull out a cable."""
    ex.answer(cause="rules-flushed")
    ex.lab.host.run(["ip", "link", "set", "dev", "enp1s0", "down"])
