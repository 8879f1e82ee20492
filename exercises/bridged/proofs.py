"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "a bridge on the spare card: guests are in the LAN, but the host's own card is no port"
SHORTCUT_EARNS = 2


def _guests(ex: Session) -> None:
    models = {ex.values.old: "rtl8139", ex.values.new: "virtio"}
    guests = [
        ex.lab.define(
            kl.DomainSpec(name=name, interfaces=[kl.InterfaceSpec(bridge=ex.values.bridge, model=model)])
        )
        for name, model in models.items()
    ]
    kl.start_all(guests)


def other_way(ex: Session) -> None:
    """Make the bridge by ip, typed by hand."""
    bridge, card = ex.values.bridge, "enp1s0"
    for command in (
        ["ip", "link", "add", "name", bridge, "type", "bridge"],
        ["ip", "link", "set", "dev", bridge, "up"],
        ["ip", "address", "flush", "dev", card],
        ["ip", "link", "set", "dev", card, "master", bridge],
        ["ip", "address", "add", "192.168.1.10/24", "dev", bridge],
        ["ip", "route", "add", "default", "via", "192.168.1.1"],
    ):
        ex.lab.host.run(command)
    _guests(ex)


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    kl.make_bridge(ex.lab, kl.BridgeSpec(name=ex.values.bridge, uplink="enp2s0"))
    _guests(ex)


def break_further(ex: Session) -> None:
    """Make the bridge, and leave the host's address on its port."""
    for command in (
        ["ip", "link", "add", "name", ex.values.bridge, "up", "type", "bridge"],
        ["ip", "link", "set", "dev", "enp1s0", "master", ex.values.bridge],
    ):
        ex.lab.host.run(command)
