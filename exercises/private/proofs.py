"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "a host-only network with the same subnet: the guests reach each other, and the host as well"
SHORTCUT_EARNS = 2


def _guests(ex: Session) -> None:
    nic = kl.InterfaceSpec(network=ex.values.network, model="rtl8139")
    addresses = {ex.values.one: ex.values.one_address, ex.values.other: ex.values.other_address}
    for name, address in addresses.items():
        guest = ex.lab.define(kl.DomainSpec(name=name, interfaces=[nic])).start()
        guest.run(["ip", "address", "add", address, "dev", "eth0"])


def other_way(ex: Session) -> None:
    """Define the network by virsh, from two lines of XML."""
    xml = f"<network><name>{ex.values.network}</name><bridge name='virbr5' stp='off' delay='0'/></network>"
    ex.lab.host.run(["virsh", "net-define", "/dev/stdin"], stdin=xml)
    ex.lab.host.run(["virsh", "net-start", ex.values.network])
    _guests(ex)


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    ex.lab.define(kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet, dhcp=False)).start()
    _guests(ex)


def break_further(ex: Session) -> None:
    """Give the host an address, and cut a guest off: it reaches nobody, which proves nothing."""
    ex.lab.define(kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet)).start()
    nic = kl.InterfaceSpec(network=ex.values.network)
    guest = ex.lab.define(kl.DomainSpec(name=ex.values.one, interfaces=[nic])).start()
    guest.run(["ip", "link", "set", "dev", "eth0", "down"])
