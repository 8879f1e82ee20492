"""A card is exchanged, and what that brings is measured."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, has_driver, has_lease, has_model, is_faster
from kvmlab.check.judgement import Seen, judge
from kvmlab.exercise.catalogue.parts import answered, plug
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.measure.iperf3 import iperf3
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec

#: By how much a figure may differ from what is measured again: other work on the machine, another CPU.
TOLERANCE = 3.0


def _draw(chance: Chance) -> Mapping[str, Value]:
    kept, changed = chance.guests(2)
    return {"network": chance.network(), "subnet": chance.subnet(), "kept": kept, "changed": changed}


def _prepare(lab: Lab, values: Values) -> None:
    """Start two guests with rtl8139 cards behind NAT."""
    lab.define(NetworkSpec(name=values.network, subnet=values.subnet, forward="nat")).start()
    nic = InterfaceSpec(network=values.network, model="rtl8139")
    plug(lab, {values.kept: nic, values.changed: nic})


def _swap(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        has_model(lab, values.kept, "rtl8139"),
        has_model(lab, values.changed, "virtio"),
        has_driver(lab, values.changed, "virtio_net"),
        has_lease(lab, values.changed, values.network),
    ]


def _measure(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    given = answered(
        work, "ratio", lambda text: float(text) > 1, question="how many times as fast is virtio?"
    )
    if not given.passed:
        return [given]
    return [given, is_faster(lab, values.changed, values.kept, world.PC_ADDRESS), _again(work)]


def _again(work: Work) -> CheckResult:
    lab, values = work.lab, work.values

    def look() -> Seen:
        rates = [
            max(
                iperf3(lab.domain(guest), world.PC_ADDRESS, duration_s=1).runs[0].received_mbit_s
                for _ in "12"
            )
            for guest in (values.changed, values.kept)
        ]
        ratio, said = rates[0] / rates[1], float(work.answers["ratio"])
        return Seen(ratio / TOLERANCE < said < ratio * TOLERANCE, f"answered {said:g}, measured {ratio:.1f}")

    return judge(
        "the answer is what is measured again",
        look,
        expected=f"within a factor of {TOLERANCE:g}",
        hint="measure both at the same load of the machine: kl.iperf3(guest, …)",
    )


EXERCISE = Exercise(
    name="nic-models",
    title="What a better card brings",
    goal="You exchange a guest's rtl8139 card for virtio, and say from your own measurement what "
    "that brings.",
    learns=(
        "exchange the card of a guest, and tell which driver binds it",
        "measure throughput, and say how far a figure holds",
    ),
    minutes=25,
    notebook="08-rtl8139",
    subjects=frozenset({"measurement", "rtl8139", "virtio", "nat"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(
        Task(
            name="swap",
            text="The guests `kept` and `changed` have rtl8139 cards. Give `changed` a virtio card "
            "in their place, in "
            "the same network; `kept` stays as it is.",
            points=2,
            look=_swap,
            hints=(
                (
                    "A guest gets another card when it is defined anew: `destroy()`, `undefine()`, "
                    "`lab.define(…)`."
                ),
                "`virsh detach-interface` and `attach-interface` exchange it while the guest runs.",
            ),
        ),
        Task(
            name="measure",
            text=f"Measure the TCP throughput of both guests to the PC ({world.PC_ADDRESS}), and "
            f"answer by how many "
            "times `changed` is faster: `ex.answer(ratio=…)`. It is measured again, and other work "
            "on the machine is "
            f"allowed for (a factor of {TOLERANCE:g}).",
            points=2,
            look=_measure,
            hints=(
                "`kl.iperf3(guest, address)` returns what was received, in Mbit/s.",
                "One run is no run: measure in turns, and take the best or the median of each.",
            ),
        ),
    ),
)
