"""An open network: the rules are one's own."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, has_lease, is_blocked, knows_route, network_is_active, reaches
from kvmlab.exercise.catalogue.parts import has_subnet
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world


def _draw(chance: Chance) -> Mapping[str, Value]:
    (guest,) = chance.guests(1)
    return {"network": chance.network(), "subnet": chance.subnet(), "guest": guest}


def _network(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        network_is_active(lab, values.network, forward="open"),
        has_subnet(lab, values.network, values.subnet),
        has_lease(lab, values.guest, values.network),
    ]


def _way_back(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        knows_route(lab, values.subnet, via=world.HOST_ADDRESS),
        reaches(lab, values.guest, "internet"),
        reaches(lab, "router", values.guest),
    ]


def _rule(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        is_blocked(lab, "pc", values.guest, control="host"),
        reaches(lab, values.guest, "pc"),
        reaches(lab, "router", values.guest),
    ]


EXERCISE = Exercise(
    name="open",
    title="An open network, and a rule of your own",
    goal="libvirt writes no rule for a network; the host lets a guest ask the PC, but not the PC the guest.",
    learns=(
        "know what libvirt leaves out in an open network",
        "write a rule that knows who began: connection tracking",
        "show that a rule holds back what it should, and nothing else",
    ),
    minutes=30,
    notebook="05-routed",
    subjects=frozenset({"open"}),
    draw=_draw,
    tasks=(
        Task(
            name="network",
            text="Define and start an open network with the name `network` and the subnet `subnet`, "
            "and start a guest "
            "with the name `guest` in it.",
            points=1,
            look=_network,
            hints=('`kl.NetworkSpec(…, forward="open")`',),
        ),
        Task(
            name="way-back",
            text="The LAN's router knows the way to the subnet; the guest reaches the internet.",
            points=1,
            look=_way_back,
            hints=("As with a routed network: `kl.add_routes(lab, network)`.",),
        ),
        Task(
            name="rule",
            text=f"With a rule on the host, see to it that the PC ({world.PC_ADDRESS}) cannot begin "
            f"to talk to the "
            "guest, while the guest can ask the PC and gets its answers, and everybody else reaches "
            "the guest as "
            "before.",
            points=3,
            look=_rule,
            hints=(
                "Answers come from the PC, too. What tells them from what the PC begins?",
                "A chain at the hook `forward`: first `ct state established,related accept`, then the drop.",
                '`lab.host.run(["nft", "-f", "-"], stdin=RULES)` reads rules as nft(8) writes them.',
            ),
        ),
    ),
)
