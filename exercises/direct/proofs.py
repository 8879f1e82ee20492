"""Proofs of the exercise: another way, a shortcut, a lab that is broken further."""

import kvmlab as kl
from kvmlab.exercise import Session

SHORTCUT = "a bridge on the card: the LAN and the host reach the guest, but that is bridged mode"
SHORTCUT_EARNS = 0
_MAC, _TAP = "52:54:00:00:47:11", "handtap"


def other_way(ex: Session) -> None:
    """Glue macvlan and tap together by ip and tc, typed by hand."""
    run = ex.lab.host.run
    mode = ["type", "macvlan", "mode", "bridge"]
    run(["ip", "link", "add", "link", "enp1s0", "name", "handvlan", "address", _MAC, *mode])
    run(["ip", "tuntap", "add", "dev", _TAP, "mode", "tap"])
    for one, other in (("handvlan", _TAP), (_TAP, "handvlan")):
        run(["ip", "link", "set", "dev", one, "up"])
        run(["tc", "qdisc", "add", "dev", one, "ingress"])
        redirect = ["action", "mirred", "egress", "redirect", "dev", other]
        run(
            [
                "tc",
                "filter",
                "add",
                "dev",
                one,
                "parent",
                "ffff:",
                "protocol",
                "all",
                "u32",
                "match",
                "u32",
                "0",
                "0",
                *redirect,
            ]
        )
    nic = kl.InterfaceSpec(source=kl.Tap(name=_TAP), mac=_MAC, model=ex.values.model)
    guest = ex.lab.define(kl.DomainSpec(name=ex.values.guest, interfaces=[nic]))
    guest.start().wait_until_ready()
    run(["ip", "link", "add", "link", "enp1s0", "name", ex.values.link, "up", *mode])
    run(["ip", "address", "add", ex.values.address, "dev", ex.values.link])
    run(["ip", "route", "add", f"{guest.address}/32", "dev", ex.values.link])


def shortcut(ex: Session) -> None:
    """Do what :data:`SHORTCUT` says."""
    kl.make_bridge(ex.lab, kl.BridgeSpec(name="br0", uplink="enp1s0"))
    nic = kl.InterfaceSpec(bridge="br0", model=ex.values.model)
    ex.lab.define(kl.DomainSpec(name=ex.values.guest, interfaces=[nic])).start().wait_until_ready()


def break_further(ex: Session) -> None:
    """Pull the cable of the card out at the switch."""
    ex.lab.switch.run(["ip", "link", "set", "dev", "port1", "down"])
