"""A NAT network with an rtl8139 and a virtio guest."""

from collections.abc import Mapping

from kvmlab.check import (
    CheckResult,
    has_lease,
    has_model,
    network_is_active,
    reaches,
    resolves,
    seen_as,
    serves_dhcp,
)
from kvmlab.exercise.catalogue.parts import has_subnet
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world


def _draw(chance: Chance) -> Mapping[str, Value]:
    old, new = chance.guests(2)
    return {"network": chance.network(), "subnet": chance.subnet(), "old": old, "new": new}


def _network(work: Work) -> list[CheckResult]:
    lab, name = work.lab, work.values.network
    return [
        network_is_active(lab, name, forward="nat"),
        has_subnet(lab, name, work.values.subnet),
        serves_dhcp(lab, name),
    ]


def _guests(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        has_model(lab, values.old, "rtl8139"),
        has_model(lab, values.new, "virtio"),
        has_lease(lab, values.old, values.network),
        has_lease(lab, values.new, values.network),
    ]


def _internet(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        reaches(lab, values.old, "internet"),
        resolves(lab, values.new, world.WEB_NAME),
        seen_as(lab, values.new, world.HOST_ADDRESS),
    ]


EXERCISE = Exercise(
    name="nat",
    title="Two guests behind NAT",
    goal="An old and a new guest in a NAT network of your own reach the internet under the host's address.",
    learns=(
        "define and start a libvirt network with NAT and DHCP",
        "choose the card that a guest sees: rtl8139 or virtio",
        "tell from outside under which address a guest is known",
    ),
    minutes=20,
    notebook="01-nat",
    subjects=frozenset({"nat", "rtl8139", "virtio"}),
    draw=_draw,
    tasks=(
        Task(
            name="network",
            text="Define a network with the name `network` and the subnet `subnet`. It translates "
            "addresses (NAT) and gives them out by DHCP. Start it.",
            points=2,
            look=_network,
            hints=(
                "A network is described, defined, and then started: three steps.",
                '`kl.NetworkSpec(name=…, subnet=…, forward="nat")` describes it; `lab.define(…)` returns it.',
            ),
        ),
        Task(
            name="guests",
            text="Start two guests in it: `old` with an rtl8139 card, `new` with a virtio card. Both use "
            "addresses that the network leased to them.",
            points=2,
            look=_guests,
            hints=(
                "A guest's card is a `kl.InterfaceSpec(network=…, model=…)`.",
                (
                    "`lab.define(kl.DomainSpec(name=…, interfaces=[nic]))`, then `start()` and "
                    "`wait_until_ready()`."
                ),
            ),
        ),
        Task(
            name="internet",
            text="Show that both guests reach the internet, and that the LAN sees them under the address of "
            "the host. (Nothing more is to be built if the first two tasks are done.)",
            points=2,
            look=_internet,
            hints=(
                (
                    'Who answers a guest? `guest.run(["curl", "--silent", "http://192.168.1.20/"])` tells '
                    "whom the PC sees."
                ),
                '`kl.trace(lab, guest, "198.51.100.10")` follows a packet, with the rule that translates it.',
            ),
        ),
    ),
)
