"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "a rule that drops all that the PC sends: the PC is kept out, and so are its answers"
SHORTCUT_EARNS = 2


def _network(ex: Session) -> None:
    network = kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet, forward="open")
    ex.lab.define(network).start()
    kl.add_routes(ex.lab, network)
    nic = kl.InterfaceSpec(network=ex.values.network, model="rtl8139")
    ex.lab.define(kl.DomainSpec(name=ex.values.guest, interfaces=[nic])).start().wait_until_ready()


def other_way(ex: Session) -> None:
    """Write the rules with iptables."""
    _network(ex)
    run = ex.lab.host.run
    to_guest = ["--source", "192.168.1.20", "--destination", ex.values.subnet]
    run(
        [
            "iptables",
            "--append",
            "FORWARD",
            *to_guest,
            "-m",
            "conntrack",
            "--ctstate",
            "NEW",
            "--jump",
            "DROP",
        ]
    )


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    _network(ex)
    rule = ["FORWARD", "--source", "192.168.1.20", "--jump", "DROP"]
    ex.lab.host.run(["iptables", "--append", *rule])


def break_further(ex: Session) -> None:
    """Let the host forward nothing at all: nobody reaches the guest, which proves nothing."""
    network = kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet)
    ex.lab.define(network).start()
    ex.lab.host.run(["iptables", "--policy", "FORWARD", "DROP"])
