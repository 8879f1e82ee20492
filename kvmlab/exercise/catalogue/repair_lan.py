"""Bridged guests, and something is wrong on the bridge or with its stations."""

from collections.abc import Mapping
from functools import partial

from kvmlab.changes import make_bridge
from kvmlab.check import CheckResult, addresses_are_unique, carries, has_lan_lease, is_port, reaches
from kvmlab.exercise.catalogue.parts import break_as_drawn, nothing_wrong, plug, until_wrong
from kvmlab.exercise.catalogue.repair import cause_task, repair_task
from kvmlab.exercise.exercise import Exercise, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.spec.bridge import BridgeSpec
from kvmlab.spec.interface import InterfaceSpec

#: What may be wrong.
FAULTS = ("port-missing", "port-isolated", "mtu-mismatch", "duplicate-ip")


def _draw(chance: Chance) -> Mapping[str, Value]:
    one, other = chance.guests(2)
    return {
        "bridge": f"br-{chance.network()}",
        "one": one,
        "other": other,
        "_fault": chance.choice(FAULTS),
        "_seed": chance.number(0, 999),
    }


def _prepare(lab: Lab, values: Values) -> None:
    make_bridge(lab, BridgeSpec(name=values.bridge, uplink=world.HOST_UPLINK))
    models = {values.one: "virtio", values.other: "rtl8139"}
    plug(lab, {name: InterfaceSpec(bridge=values.bridge, model=model) for name, model in models.items()})
    break_as_drawn(lab, values)


def _repaired(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    both = (values.one, values.other)
    return until_wrong(
        *(partial(is_port, lab, name, values.bridge) for name in (world.HOST_UPLINK, *both)),
        *(partial(has_lan_lease, lab, guest) for guest in both),
        lambda: addresses_are_unique(lab, *both),
        lambda: carries(lab, values.one, values.other, 1500),
        lambda: carries(lab, values.other, values.one, 1500),
        *(partial(reaches, lab, "pc", guest) for guest in both),
        lambda: nothing_wrong(lab),
    )


EXERCISE = Exercise(
    name="repair-lan",
    title="Something is wrong on the bridge",
    goal="Two guests on a bridge do not get along with each other or with the LAN; you find out why, "
    "and put it right.",
    learns=(
        "read the ports of a bridge: membership, state, isolation, MTU",
        "notice two stations that claim one address",
    ),
    minutes=30,
    notebook="10-troubleshooting",
    subjects=frozenset({"bridged", "rtl8139", "virtio", "faults"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(cause_task(), repair_task(_repaired)),
)
