"""The smallest link on the way, found and taken into account."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, carries, has_lease, has_mtu
from kvmlab.exercise.catalogue.parts import answered, plug
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.lab import Lab
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec


def _draw(chance: Chance) -> Mapping[str, Value]:
    (guest,) = chance.guests(1)
    return {
        "network": chance.network(),
        "subnet": chance.subnet(),
        "guest": guest,
        "_mtu": 4 * chance.number(325, 365),
    }


def _prepare(lab: Lab, values: Values) -> None:
    """Start a guest behind NAT; a link beyond the LAN's router is smaller than all others."""
    lab.define(NetworkSpec(name=values.network, subnet=values.subnet, forward="nat")).start()
    plug(lab, {values.guest: InterfaceSpec(network=values.network, model="rtl8139")})
    lab.router.run(["ip", "link", "set", "dev", "wan0", "mtu", str(values["_mtu"])])


def _find(work: Work) -> list[CheckResult]:
    right = work.values["_mtu"]
    return [answered(work, "mtu", lambda given: int(given) == right, question="the MTU of the way")]


def _fit(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    mtu = int(values["_mtu"])
    return [
        has_lease(lab, values.guest, values.network),
        has_mtu(lab, values.guest, mtu),
        carries(lab, values.guest, "internet", mtu),
    ]


EXERCISE = Exercise(
    name="path-mtu",
    title="The smallest link on the way",
    goal="You find out how large a packet may be on its way into the internet, and let a guest send "
    "no larger ones.",
    learns=(
        "find the MTU of a way from its end, packet by packet (RFC 1191)",
        "set the MTU of a guest's link, and show that it fits exactly",
    ),
    minutes=20,
    notebook="05-routed",
    subjects=frozenset({"measurement", "nat", "rtl8139"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(
        Task(
            name="find",
            text="How many bytes may a packet have that gets from `guest` to `www.example.com` in "
            "one piece? Measure it "
            "from the guest, and answer with `ex.answer(mtu=…)`: the size of the IPv4 packet with "
            "its headers.",
            points=2,
            look=_find,
            hints=(
                "`ping -M do -s SIZE` sends a packet that nobody may cut; 28 bytes of headers come on top.",
                "`tracepath -n ADDRESS` in the guest finds it by itself.",
            ),
        ),
        Task(
            name="fit",
            text="Set the MTU of the guest's link to just this: as large as possible, and no packet "
            "is too large.",
            points=2,
            look=_fit,
            hints=('`guest.run(["ip", "link", "set", "dev", "eth0", "mtu", …])`',),
        ),
    ),
)
