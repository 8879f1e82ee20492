"""User mode: no tap, no bridge, no privileges; and how to be reached all the same."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, answers, has_model
from kvmlab.exercise.catalogue.parts import has_kind
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world


def _draw(chance: Chance) -> Mapping[str, Value]:
    (guest,) = chance.guests(1)
    return {
        "guest": guest,
        "model": chance.choice(("virtio", "rtl8139")),
        "port": chance.number(8001, 8999),
    }


def _guest(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [has_kind(lab, values.guest, "user"), has_model(lab, values.guest, values.model)]


def _out(work: Work) -> list[CheckResult]:
    return [answers(work.lab, work.values.guest, "pc", 80, text=f"hello, you are {world.HOST_ADDRESS}")]


def _reached(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        has_kind(lab, values.guest, "user"),
        answers(lab, "pc", "host", int(values.port), text=f"{values.guest} sees"),
    ]


EXERCISE = Exercise(
    name="user-mode",
    title="A guest without the host's network",
    goal="A guest in user mode asks the LAN, and the LAN reaches a server in it through a port of the host.",
    learns=(
        "plug a guest into user mode (SLIRP): nothing of it is seen on the host",
        "lead a port of the host to such a guest",
    ),
    minutes=20,
    notebook="06-user-mode",
    subjects=frozenset({"user mode"}),
    draw=_draw,
    tasks=(
        Task(
            name="guest",
            text="Start a guest with the name `guest` and a card of the model `model` in user mode.",
            points=1,
            look=_guest,
            hints=("`kl.InterfaceSpec(source=kl.UserMode(), model=…)`",),
        ),
        Task(
            name="out",
            text="The guest fetches the PC's page over HTTP, and the PC takes it for the host.",
            points=1,
            look=_out,
            hints=("If it does not: has the guest an address? Who gave it?",),
        ),
        Task(
            name="reached",
            text="Let the guest serve a page at its port 80 (`from kvmlab.exercise import serve_name`, then "
            "`serve_name(guest)`: the page names the guest). The PC gets it at port `port` of the host.",
            points=2,
            look=_reached,
            hints=(
                "Nothing on the host leads to the guest: only the QEMU process itself can listen for it.",
                "`kl.forward_user_port(lab, guest, kl.UserForward(port=…, guest_port=80))`",
            ),
        ),
    ),
)
