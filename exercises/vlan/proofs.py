"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

from kvmlab.exercise import Session

SHORTCUT = "the addresses on eth0 itself, without a tag: both reach each other, but so does the third"
SHORTCUT_EARNS = 0


def other_way(ex: Session) -> None:
    """Make the links by ip in the guests, under names of their own."""
    addresses = {ex.values.one: ex.values.one_address, ex.values.other: ex.values.other_address}
    for name, address in addresses.items():
        guest = ex.lab.domain(name)
        guest.run(
            ["ip", "link", "add", "link", "eth0", "name", "office", "type", "vlan", "id", ex.values.tag]
        )
        guest.run(["ip", "address", "add", address, "dev", "office"])
        guest.run(["ip", "link", "set", "dev", "office", "up"])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    addresses = {ex.values.one: ex.values.one_address, ex.values.other: ex.values.other_address}
    for name, address in addresses.items():
        ex.lab.domain(name).run(["ip", "address", "add", address, "dev", "eth0"])


def break_further(ex: Session) -> None:
    """Set the third guest's link down: who has no network reaches nobody, which proves nothing."""
    ex.lab.domain(ex.values.third).run(["ip", "link", "set", "dev", "eth0", "down"])
