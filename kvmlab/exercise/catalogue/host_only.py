"""A network that ends at the host."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, has_lease, is_blocked, network_is_active, reaches
from kvmlab.exercise.catalogue.parts import first_address, has_subnet
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value


def _draw(chance: Chance) -> Mapping[str, Value]:
    one, other = chance.guests(2)
    return {"network": chance.network(), "subnet": chance.subnet(), "one": one, "other": other}


def _network(work: Work) -> list[CheckResult]:
    lab, name = work.lab, work.values.network
    return [network_is_active(lab, name, forward=None), has_subnet(lab, name, work.values.subnet)]


def _guests(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        *(has_lease(lab, guest, values.network) for guest in (values.one, values.other)),
        reaches(lab, values.one, values.other),
    ]


def _apart(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    host = first_address(values.subnet)
    return [
        reaches(lab, values.one, host),
        is_blocked(lab, values.one, "pc", control=host),
        is_blocked(lab, values.other, "internet", control=host),
    ]


EXERCISE = Exercise(
    name="host-only",
    title="A network that ends at the host",
    goal="Two guests talk to each other and to the host, and to nobody else.",
    learns=(
        "define an isolated network: what it has, and what it lacks",
        "show that somebody is not reached, without being fooled by a network that is down",
    ),
    minutes=15,
    notebook="03-isolated",
    subjects=frozenset({"host-only", "isolated", "rtl8139", "virtio"}),
    draw=_draw,
    tasks=(
        Task(
            name="network",
            text="Define and start an isolated network with the name `network` and the subnet "
            "`subnet`; the host has "
            "the first address in it.",
            points=1,
            look=_network,
            hints=("A network without `forward` is isolated.",),
        ),
        Task(
            name="guests",
            text="Start the guests `one` and `other` in it. They use addresses that the network "
            "leased, and reach each "
            "other.",
            points=2,
            look=_guests,
            hints=("`kl.start_all([…])` starts several guests at once, and waits for their addresses.",),
        ),
        Task(
            name="apart",
            text="Both guests reach the host, but neither the LAN's PC nor the internet.",
            points=2,
            look=_apart,
            hints=(
                "An isolated network gives guests no default route; and if a guest adds one?",
                '`kl.reachability(lab, "host-only", guests, host_addresses=[…])` tries all ways.',
            ),
        ),
    ),
)
