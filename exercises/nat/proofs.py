"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "a routed network, and a rule by hand that translates: it works, but libvirt knows of no NAT"
SHORTCUT_EARNS = 4
_XML = """\
<network>
  <name>{network}</name>
  <forward mode="nat"/>
  <bridge name="virbr7" stp="off" delay="0"/>
  <ip address="{host}" netmask="255.255.255.0">
    <dhcp><range start="{first}" end="{last}"/></dhcp>
  </ip>
</network>
"""


def _guests(ex: Session) -> None:
    models = {ex.values.old: "rtl8139", ex.values.new: "virtio"}
    guests = [
        ex.lab.define(
            kl.DomainSpec(name=name, interfaces=[kl.InterfaceSpec(network=ex.values.network, model=model)])
        )
        for name, model in models.items()
    ]
    kl.start_all(guests)


def other_way(ex: Session) -> None:
    """Define the network by virsh, from XML written by hand."""
    start = ex.values.subnet.removesuffix("0/24")
    xml = _XML.format(network=ex.values.network, host=f"{start}1", first=f"{start}10", last=f"{start}99")
    ex.lab.host.run(["virsh", "net-define", "/dev/stdin"], stdin=xml)
    ex.lab.host.run(["virsh", "net-start", ex.values.network])
    _guests(ex)


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    network = kl.NetworkSpec(name=ex.values.network, subnet=ex.values.subnet, forward="route")
    ex.lab.define(network).start()
    _guests(ex)
    rule = ["POSTROUTING", "--source", ex.values.subnet, "--jump", "MASQUERADE"]
    ex.lab.host.run(["iptables", "--table", "nat", "--append", *rule])


def break_further(ex: Session) -> None:
    """Take the host's way into the LAN away, too."""
    ex.lab.host.run(["ip", "link", "set", "dev", "enp1s0", "down"])
