"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

from kvmlab.exercise import Session

SHORTCUT = "the source is translated, too: the page comes, but the guest sees only the host"
SHORTCUT_EARNS = 1


def _lead(ex: Session, guest: str) -> None:
    """Lead the port to a guest with iptables, and let it through."""
    address, run = ex.lab.domain(guest).address, ex.lab.host.run
    nat = ["PREROUTING", "--protocol", "tcp", "--dport", ex.values.port, "--jump", "DNAT"]
    run(["iptables", "--table", "nat", "--append", *nat, "--to-destination", f"{address}:80"])
    to_guest = ["--destination", address, "--protocol", "tcp", "--dport", "80"]
    run(["iptables", "--insert", "FORWARD", *to_guest, "--jump", "ACCEPT"])


def other_way(ex: Session) -> None:
    """Write the rules with iptables."""
    _lead(ex, ex.values.web)


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    _lead(ex, ex.values.web)
    to_network = ["POSTROUTING", "--destination", ex.values.subnet, "--jump", "MASQUERADE"]
    ex.lab.host.run(["iptables", "--table", "nat", "--insert", *to_network])


def break_further(ex: Session) -> None:
    """Lead the port to the guest that is not meant."""
    _lead(ex, ex.values.other)
