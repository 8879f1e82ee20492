"""A network without the host: guests among themselves."""

from collections.abc import Mapping
from ipaddress import ip_network

from kvmlab.check import CheckResult, has_address, is_blocked, network_is_active, reaches
from kvmlab.check.judgement import Seen, find_network, judge
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world


def _draw(chance: Chance) -> Mapping[str, Value]:
    one, other = chance.guests(2)
    subnet = ip_network(f"10.{chance.number(20, 200)}.{chance.number(1, 200)}.0/24")
    first, second = (f"{subnet[chance.number(10, 99)]}/24", f"{subnet[chance.number(100, 199)]}/24")
    return {
        "network": chance.network(),
        "subnet": str(subnet),
        "one": one,
        "one_address": first,
        "other": other,
        "other_address": second,
    }


def _network(work: Work) -> list[CheckResult]:
    lab, name = work.lab, work.values.network

    def look() -> Seen:
        bridge = find_network(lab, name).bridge
        held = [a.cidr for a in lab.network_state(["host"])["host"].addresses_of(bridge) if a.scope != "link"]
        return Seen(not held, ", ".join(held) or "no address")

    alone = judge(
        f"the host has no address in network {name}", look, expected="no address", hint="an <ip> gives it one"
    )
    return [network_is_active(lab, name, forward=None), alone]


def _guests(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        has_address(lab, values.one, values.subnet),
        has_address(lab, values.other, values.subnet),
        reaches(lab, values.one, values.other_address.split("/")[0]),
        reaches(lab, values.other, values.one_address.split("/")[0]),
    ]


def _apart(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    other = values.other_address.split("/")[0]
    return [
        is_blocked(lab, values.one, world.HOST_ADDRESS, control=other),
        is_blocked(lab, values.one, "pc", control=other),
        is_blocked(lab, "host", values.one_address.split("/")[0], control="router"),
    ]


EXERCISE = Exercise(
    name="private",
    title="Guests among themselves",
    goal="Two guests share a bridge on which not even the host has an address.",
    learns=(
        "define a network without an address of the host's: no DHCP, no DNS, no gateway",
        "give guests addresses by hand",
    ),
    minutes=15,
    notebook="03-isolated",
    subjects=frozenset({"private", "rtl8139", "virtio"}),
    draw=_draw,
    tasks=(
        Task(
            name="network",
            text="Define and start a network with the name `network` in which the host has no "
            "address at all.",
            points=1,
            look=_network,
            hints=("A `kl.NetworkSpec` needs nothing but a name.",),
        ),
        Task(
            name="guests",
            text="Start the guests `one` and `other` in it, and give them the addresses `one_address` and "
            "`other_address` by hand. They reach each other.",
            points=2,
            look=_guests,
            hints=(
                "Nobody serves DHCP there: `wait_until_ready()` would wait in vain.",
                '`guest.run(["ip", "address", "add", …, "dev", "eth0"])`',
            ),
        ),
        Task(
            name="apart",
            text="The guests reach neither the host nor the LAN, and the host does not reach them.",
            points=2,
            look=_apart,
            hints=("If the first two tasks are done, nothing is left to do: why?",),
        ),
    ),
)
