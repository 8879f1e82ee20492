"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = (
    "a rule that translates on the host instead of a route on the router: out it works, back it does not"
)
SHORTCUT_EARNS = 1


def _guest(ex: Session) -> None:
    nic = kl.InterfaceSpec(network=ex.values.network, model=ex.values.model)
    ex.lab.define(kl.DomainSpec(name=ex.values.guest, interfaces=[nic])).start().wait_until_ready()


def _network(ex: Session) -> None:
    network = kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet, forward="route")
    ex.lab.define(network).start()


def other_way(ex: Session) -> None:
    """Edit the network by virsh, and add the route by ip."""
    network = kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet, forward="nat")
    xml = network.to_xml().replace('mode="nat"', 'mode="route"')
    ex.lab.host.run(["virsh", "net-define", "/dev/stdin"], stdin=xml)
    ex.lab.host.run(["virsh", "net-start", ex.values.network])
    ex.lab.router.run(["ip", "route", "add", ex.values.subnet, "via", "192.168.1.10"])
    _guest(ex)


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    _network(ex)
    _guest(ex)
    rule = ["POSTROUTING", "--source", ex.values.subnet, "--jump", "MASQUERADE"]
    ex.lab.host.run(["iptables", "--table", "nat", "--append", *rule])


def break_further(ex: Session) -> None:
    """Lead the subnet to a machine that knows nothing of it."""
    ex.lab.router.run(["ip", "route", "add", ex.values.subnet, "via", "192.168.1.20"])
