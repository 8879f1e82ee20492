"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "a NAT network: the guests reach each other and the host, but everybody else, too"
SHORTCUT_EARNS = 2
_XML = """\
<network>
  <name>{network}</name>
  <bridge name="virbr9" stp="off" delay="0"/>
  <ip address="{host}" prefix="24"><dhcp><range start="{first}" end="{last}"/></dhcp></ip>
</network>
"""


def _guests(ex: Session) -> None:
    nic = kl.InterfaceSpec(network=ex.values.network, model="rtl8139")
    names = (ex.values.one, ex.values.other)
    kl.start_all([ex.lab.define(kl.DomainSpec(name=name, interfaces=[nic])) for name in names])


def other_way(ex: Session) -> None:
    """Define the network by virsh; one guest gets a default route that leads nowhere."""
    start = ex.values.subnet.removesuffix("0/24")
    xml = _XML.format(network=ex.values.network, host=f"{start}1", first=f"{start}50", last=f"{start}60")
    ex.lab.host.run(["virsh", "net-define", "/dev/stdin"], stdin=xml)
    ex.lab.host.run(["virsh", "net-start", ex.values.network])
    _guests(ex)
    ex.lab.domain(ex.values.one).run(["ip", "route", "add", "default", "via", f"{start}1"])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    network = kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet, forward="nat")
    ex.lab.define(network).start()
    _guests(ex)


def break_further(ex: Session) -> None:
    """Define the network, but do not start it: guests that reach nobody do not reach the internet, either."""
    ex.lab.define(kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet))
    nic = kl.InterfaceSpec(network=ex.values.network)
    for name in (ex.values.one, ex.values.other):
        ex.lab.define(kl.DomainSpec(name=name, interfaces=[nic]))
