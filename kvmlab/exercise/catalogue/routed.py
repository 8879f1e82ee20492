"""A routed network: others have to be told of it."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, has_lease, knows_route, network_is_active, reaches, seen_as
from kvmlab.exercise.catalogue.parts import has_subnet
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world


def _draw(chance: Chance) -> Mapping[str, Value]:
    (guest,) = chance.guests(1)
    return {
        "network": chance.network(),
        "subnet": chance.subnet(),
        "guest": guest,
        "model": chance.choice(("virtio", "rtl8139")),
    }


def _network(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        network_is_active(lab, values.network, forward="route"),
        has_subnet(lab, values.network, values.subnet),
        has_lease(lab, values.guest, values.network),
    ]


def _way_back(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        knows_route(lab, values.subnet, via=world.HOST_ADDRESS),
        reaches(lab, "pc", values.guest),
        reaches(lab, values.guest, "internet"),
    ]


def _itself(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [has_lease(lab, values.guest, values.network), seen_as(lab, values.guest)]


EXERCISE = Exercise(
    name="routed",
    title="A subnet that others have to be told of",
    goal="A guest in a routed network is known in the LAN by its own address, and answers find their "
    "way back.",
    learns=(
        "tell routing from address translation",
        "add the route that every routed network needs, on the right machine",
    ),
    minutes=20,
    notebook="05-routed",
    subjects=frozenset({"routed"}),
    draw=_draw,
    tasks=(
        Task(
            name="network",
            text="Define and start a routed network with the name `network` and the subnet `subnet`, "
            "and start a guest "
            "with the name `guest` and a card of the model `model` in it.",
            points=1,
            look=_network,
            hints=('`kl.NetworkSpec(…, forward="route")`',),
        ),
        Task(
            name="way-back",
            text="Let the LAN's router know where the subnet is. The PC reaches the guest, and the "
            "guest the internet.",
            points=2,
            look=_way_back,
            hints=(
                "Packets go out, answers do not come back: who does not know the subnet?",
                '`kl.trace(lab, guest, "192.168.1.20")` shows where the answer ends.',
                "`kl.add_routes(lab, network)`, or `ip route add` on `lab.router`.",
            ),
        ),
        Task(
            name="itself",
            text="The PC sees the guest under the guest's own address: nobody translates it.",
            points=2,
            look=_itself,
            hints=("`curl http://192.168.1.20/` in the guest says whom the PC sees.",),
        ),
    ),
)
