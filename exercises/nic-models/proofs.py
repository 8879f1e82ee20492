"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "the card is exchanged, and the figure is made up"
SHORTCUT_EARNS = 2


def _swap(ex: Session) -> None:
    """Exchange the card while the guest runs, by virsh."""
    run, name = ex.lab.host.run, ex.values.changed
    run(["virsh", "detach-interface", name, "network", "--live", "--config"])
    guest = ex.lab.domain(name)
    guest.run(["sh", "-c", "while [ -e /sys/class/net/eth0 ]; do sleep 0.1; done"])
    run(["virsh", "attach-interface", name, "network", ex.values.network, "--model", "virtio", "--live"])
    guest.run(["sh", "-c", "until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done"])
    guest.wait_until_ready()


def other_way(ex: Session) -> None:
    """Exchange the card by virsh, and compare in one table."""
    _swap(ex)
    rates = {"kept": 0.0, "changed": 0.0}
    for _turn in range(2):
        for name in rates:
            result = kl.iperf3(ex.lab.domain(ex.values[name]), "192.168.1.20", duration_s=1)
            rates[name] = max(rates[name], result.runs[0].received_mbit_s)
    ex.answer(ratio=rates["changed"] / rates["kept"])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    _swap(ex)
    ex.answer(ratio=5000)


def break_further(ex: Session) -> None:
    """Take the card out, put none in, and answer something."""
    ex.lab.host.run(["virsh", "detach-interface", ex.values.changed, "network", "--live", "--config"])
    ex.answer(ratio="very much")
