"""A port of the host that leads to a guest behind NAT."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, answers, is_blocked, network_is_active
from kvmlab.exercise.catalogue.parts import plug, serve_name
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec


def _draw(chance: Chance) -> Mapping[str, Value]:
    web, other = chance.guests(2)
    return {
        "network": chance.network(),
        "subnet": chance.subnet(),
        "web": web,
        "other": other,
        "port": chance.number(8001, 8999),
    }


def _prepare(lab: Lab, values: Values) -> None:
    """Start two guests behind NAT; both serve a page."""
    lab.define(NetworkSpec(name=values.network, subnet=values.subnet, forward="nat")).start()
    models = {values.web: "virtio", values.other: "rtl8139"}
    nics = {name: InterfaceSpec(network=values.network, model=model) for name, model in models.items()}
    for guest in plug(lab, nics):
        serve_name(guest)


def _page(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        network_is_active(lab, values.network, forward="nat"),
        answers(lab, "pc", "host", int(values.port), text=f"{values.web} sees"),
    ]


def _client(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        answers(lab, "pc", "host", int(values.port), text=f"{values.web} sees {world.PC_ADDRESS}"),
        is_blocked(lab, "pc", values.other, control="host"),
    ]


EXERCISE = Exercise(
    name="port-forward",
    title="A server behind NAT",
    goal="The LAN reaches a server in a NAT network at a port of the host, and the server knows who asks.",
    learns=(
        "lead a port of the host to a guest: what is translated, and what has to be let through",
        "tell from the other end what was translated: the destination alone, or the source, too",
    ),
    minutes=20,
    notebook="01-nat",
    subjects=frozenset({"nat", "rtl8139", "virtio"}),
    draw=_draw,
    prepare=_prepare,
    tasks=(
        Task(
            name="page",
            text="Two guests run in the NAT network `network`: `web` and `other`. Both serve a page "
            "at port 80 that "
            "says their name. Lead the TCP port `port` of the host to the one called `web`, for the "
            "whole LAN.",
            points=1,
            look=_page,
            hints=(
                "The destination has to be translated before the host decides where the packet goes.",
                "`kl.forward_port(lab, NETWORK, kl.PortForward(port=…, address=…, guest_port=80))`",
            ),
        ),
        Task(
            name="client",
            text="The page also says who asks: let `web` see the PC itself, and not the host. The "
            "guest `other` stays "
            "out of the LAN's reach.",
            points=2,
            look=_client,
            hints=(
                (
                    "Where the source is translated, too, or a program passes bytes on, the guest sees the "
                    "host."
                ),
                (
                    "Translate the destination only (DNAT); and libvirt's rules reject what comes from "
                    "outside: one "
                    "rule has to let this port through."
                ),
            ),
        ),
    ),
)
