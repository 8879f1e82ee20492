"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

from kvmlab.exercise import Session

SHORTCUT = "an MTU that is small enough for every way: no packet is too large, but nothing was measured"
SHORTCUT_EARNS = 0


def other_way(ex: Session) -> None:
    """Let tracepath find it."""
    guest = ex.lab.domain(ex.values.guest)
    said = guest.run(["tracepath", "-n", "-m", "5", "198.51.100.10"], check=False).stdout
    found = [int(line.split("pmtu")[1].split()[0]) for line in said.splitlines() if "pmtu" in line]
    ex.answer(mtu=min(found))
    guest.run(["ip", "link", "set", "dev", "eth0", "mtu", str(min(found))])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    ex.answer(mtu=1280)
    ex.lab.domain(ex.values.guest).run(["ip", "link", "set", "dev", "eth0", "mtu", "1280"])


def break_further(ex: Session) -> None:
    """Answer with what the guest's own link says."""
    ex.answer(mtu=1500)
    ex.lab.router.run(["ip", "link", "set", "dev", "wan0", "down"])
