"""Direct mode: a guest on the host's card, and the host beside it."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, has_lan_lease, has_model, host_has_address, reaches
from kvmlab.check.judgement import Seen, judge
from kvmlab.exercise.catalogue.parts import nics_of
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world
from kvmlab.lab import Lab

_KINDS = ("macvlan", "macvtap")


def _draw(chance: Chance) -> Mapping[str, Value]:
    (guest,) = chance.guests(1)
    return {
        "guest": guest,
        "model": chance.choice(("virtio", "rtl8139")),
        "link": f"host{chance.number(1, 99)}",
        "address": f"192.168.1.{chance.number(30, 90)}/32",
    }


def _sits_on(lab: Lab, domain: str) -> CheckResult:
    def look() -> Seen:
        macs = [nic.mac for nic in nics_of(lab, domain)]
        links = lab.network_state(["host"])["host"].links
        own = [link for link in links if link.mac in macs and link.kind in _KINDS]
        text = ", ".join(f"{link.name} ({link.kind}) on {link.lower}" for link in own)
        return Seen(any(link.lower == world.HOST_UPLINK for link in own), text or "no macvlan, no macvtap")

    return judge(
        f"{domain} sits on {world.HOST_UPLINK} itself",
        look,
        expected=f"a macvtap, or a macvlan with the guest's MAC address, on {world.HOST_UPLINK}",
        hint="`ip -details link`",
    )


def _guest(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        has_model(lab, values.guest, values.model),
        _sits_on(lab, values.guest),
        has_lan_lease(lab, values.guest),
        reaches(lab, "pc", values.guest),
    ]


def _host(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        _sits_on(lab, values.guest),
        host_has_address(lab, values.link, values.address),
        host_has_address(lab, world.HOST_UPLINK, f"{world.HOST_ADDRESS}/24"),
        reaches(lab, "host", values.guest),
    ]


EXERCISE = Exercise(
    name="direct",
    title="A guest on the host's own card",
    goal="A guest is a station of the LAN without any bridge; and the host, which cannot reach it at "
    "first, does so "
    "in the end.",
    learns=(
        "plug a guest into the host's card with macvtap, or what stands for it without root",
        "know why a host does not reach its own guest in direct mode, and what to do about it",
    ),
    minutes=25,
    notebook="04-direct",
    subjects=frozenset({"direct"}),
    draw=_draw,
    tasks=(
        Task(
            name="guest",
            text=f"Start a guest with the name `guest` and a card of the model `model` in direct mode "
            f"(mode bridge) on "
            f"`{world.HOST_UPLINK}`. The LAN's router gives it its address, and the PC reaches it.",
            points=3,
            look=_guest,
            hints=(
                "`kl.Direct(dev=…)` describes what it is plugged into.",
                (
                    "`kl.direct_nic(lab, name, kl.Direct(dev=…), model=…)` returns a card that works with "
                    "and without root."
                ),
            ),
        ),
        Task(
            name="host",
            text=f"Let the host reach the guest: the host gets a macvlan of its own on "
            f"`{world.HOST_UPLINK}`, with the "
            "name `link` and the address `address`, and a route to the guest. The card keeps its address.",
            points=2,
            look=_host,
            hints=(
                (
                    "Macvlans on one card are neighbours of each other; the card itself is no neighbour "
                    "of theirs."
                ),
                (
                    "`ip link add link CARD name LINK type macvlan mode bridge`, its address, up, and a "
                    "route to the guest's address/32 through it."
                ),
            ),
        ),
    ),
)
