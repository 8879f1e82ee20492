"""One guest has no network: the cause is in the guest."""

from collections.abc import Mapping
from functools import partial

from kvmlab.check import CheckResult, has_driver, has_gateway, has_lease, reaches, resolves
from kvmlab.exercise.catalogue.parts import break_as_drawn, first_address, nothing_wrong, plug, until_wrong
from kvmlab.exercise.catalogue.repair import cause_task, repair_task
from kvmlab.exercise.exercise import Exercise, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec

#: What may be wrong.
FAULTS = ("gateway-wrong", "dns-wrong", "driver-blacklisted", "prefix-wrong")


def _draw(chance: Chance) -> Mapping[str, Value]:
    one, other = chance.guests(2)
    return {
        "network": chance.network(),
        "subnet": chance.subnet(),
        "one": one,
        "other": other,
        "_fault": chance.choice(FAULTS),
        "_seed": chance.number(0, 999),
    }


def _prepare(lab: Lab, values: Values) -> None:
    lab.define(NetworkSpec(name=values.network, subnet=values.subnet, forward="nat")).start()
    nic = InterfaceSpec(network=values.network, model="rtl8139")
    plug(lab, {values.one: nic, values.other: nic})
    break_as_drawn(lab, values)


def _repaired(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    both = (values.one, values.other)
    return until_wrong(
        *(partial(has_driver, lab, guest, "8139cp") for guest in both),
        *(partial(has_lease, lab, guest, values.network) for guest in both),
        *(partial(has_gateway, lab, guest, first_address(values.subnet)) for guest in both),
        *(partial(reaches, lab, guest, place) for guest in both for place in ("pc", "internet")),
        *(partial(resolves, lab, guest, world.WEB_NAME) for guest in both),
        lambda: nothing_wrong(lab),
    )


EXERCISE = Exercise(
    name="repair-guest",
    title="One guest is not like the other",
    goal="You find out what is wrong inside a guest that has no network, or only half of it, and put "
    "it right.",
    learns=(
        "walk the ladder from a guest's card outward: driver, address, gateway, name server",
        "use a guest that works as the measure for one that does not",
    ),
    minutes=30,
    notebook="10-troubleshooting",
    subjects=frozenset({"nat", "rtl8139", "faults"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(cause_task(), repair_task(_repaired)),
)
