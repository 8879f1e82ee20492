"""Guests behind NAT reach nobody: the cause is on the host."""

from collections.abc import Mapping
from functools import partial

from kvmlab.check import CheckResult, has_lease, network_is_active, reaches, resolves
from kvmlab.exercise.catalogue.parts import break_as_drawn, nothing_wrong, plug, until_wrong
from kvmlab.exercise.catalogue.repair import cause_task, repair_task
from kvmlab.exercise.exercise import Exercise, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec

#: What may be wrong.
FAULTS = ("ip-forward-off", "rules-flushed", "dnsmasq-dead", "network-inactive")


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
    models = {values.one: "virtio", values.other: "rtl8139"}
    plug(lab, {name: InterfaceSpec(network=values.network, model=model) for name, model in models.items()})
    break_as_drawn(lab, values)


def _repaired(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    both = (values.one, values.other)
    return until_wrong(
        lambda: network_is_active(lab, values.network, forward="nat"),
        *(partial(has_lease, lab, guest, values.network) for guest in both),
        lambda: reaches(lab, values.one, values.other),
        *(partial(reaches, lab, guest, "internet") for guest in both),
        lambda: resolves(lab, values.one, world.WEB_NAME),
        lambda: nothing_wrong(lab),
    )


EXERCISE = Exercise(
    name="repair-host",
    title="The host lets nobody through",
    goal="You find out why guests behind NAT have no network any more, and put the host right.",
    learns=(
        "tell a cause on the host from one in a guest",
        "read forwarding, NAT rules and the state of libvirt's networks",
        "repair it without starting anew",
    ),
    minutes=30,
    notebook="10-troubleshooting",
    subjects=frozenset({"nat", "rtl8139", "virtio", "faults"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(cause_task(), repair_task(_repaired)),
)
