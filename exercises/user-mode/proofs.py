"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session, serve_name

SHORTCUT = "a NAT network with a forwarded port: the same is reached, but not in user mode"
SHORTCUT_EARNS = 1


def other_way(ex: Session) -> None:
    """Tell QEMU itself to listen, through virsh."""
    nic = kl.InterfaceSpec(source=kl.UserMode(subnet="10.9.8.0/24"), model=ex.values.model)
    guest = ex.lab.define(kl.DomainSpec(name=ex.values.guest, interfaces=[nic])).start().wait_until_ready()
    serve_name(guest)
    forward = f"hostfwd_add hostnet0 tcp::{ex.values.port}-:80"
    ex.lab.host.run(["virsh", "qemu-monitor-command", "--hmp", ex.values.guest, forward])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    network = kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
    ex.lab.define(network).start()
    nic = kl.InterfaceSpec(network="blue", model=ex.values.model)
    guest = ex.lab.define(kl.DomainSpec(name=ex.values.guest, interfaces=[nic])).start().wait_until_ready()
    serve_name(guest)
    forward = kl.PortForward(port=int(ex.values.port), address=guest.address, guest_port=80)
    kl.forward_port(ex.lab, network, forward)


def break_further(ex: Session) -> None:
    """Reject what comes for the port of the host."""
    rule = ["INPUT", "--protocol", "tcp", "--dport", ex.values.port, "--jump", "REJECT"]
    ex.lab.host.run(["iptables", "--append", *rule])
