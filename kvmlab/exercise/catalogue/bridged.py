"""Guests as stations of the LAN: a bridge on the host's uplink."""

from collections.abc import Mapping

from kvmlab.check import CheckResult, has_lan_lease, has_model, host_has_address, is_port, reaches
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.values import Chance, Value
from kvmlab.host import world


def _draw(chance: Chance) -> Mapping[str, Value]:
    old, new = chance.guests(2)
    return {"bridge": f"br-{chance.network()}", "old": old, "new": new}


def _bridge(work: Work) -> list[CheckResult]:
    lab, bridge = work.lab, work.values.bridge
    return [
        is_port(lab, world.HOST_UPLINK, bridge),
        host_has_address(lab, bridge, f"{world.HOST_ADDRESS}/24"),
        reaches(lab, "host", "internet"),
    ]


def _guests(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    models = {values.old: "rtl8139", values.new: "virtio"}
    return [
        *(has_model(lab, guest, model) for guest, model in models.items()),
        *(is_port(lab, guest, values.bridge) for guest in models),
        *(has_lan_lease(lab, guest) for guest in models),
    ]


def _lan(work: Work) -> list[CheckResult]:
    lab, values = work.lab, work.values
    return [
        is_port(lab, world.HOST_UPLINK, values.bridge),
        reaches(lab, "pc", values.old),
        reaches(lab, values.new, "host"),
        reaches(lab, values.new, "internet"),
    ]


EXERCISE = Exercise(
    name="bridged",
    title="Guests as stations of the LAN",
    goal="Two guests get their addresses from the LAN's own router, and the whole LAN reaches them, "
    "while the host keeps its address and its network.",
    learns=(
        "make a bridge of the host's card, and move address and routes to it",
        "plug guests into a bridge of the host",
        "tell a lease of the LAN's router from one of libvirt's",
    ),
    minutes=25,
    notebook="02-bridged",
    subjects=frozenset({"bridged", "rtl8139", "virtio"}),
    draw=_draw,
    tasks=(
        Task(
            name="bridge",
            text=f"Make a bridge with the name `bridge`. The host's card `{world.HOST_UPLINK}` is a "
            f"port of it, and "
            f"the host keeps its address {world.HOST_ADDRESS}/24 and its way into the internet.",
            points=2,
            look=_bridge,
            hints=(
                (
                    "A port of a bridge has no address of its own: address and default route belong to "
                    "the bridge."
                ),
                "`kl.make_bridge(lab, kl.BridgeSpec(name=…, uplink=…))` does it, and shows the commands.",
            ),
        ),
        Task(
            name="guests",
            text="Start two guests at this bridge: `old` with an rtl8139 card, `new` with a virtio "
            "card. The LAN's "
            "router gives them their addresses.",
            points=2,
            look=_guests,
            hints=(
                "A card is plugged into a bridge of the host by `kl.InterfaceSpec(bridge=…, model=…)`.",
                'No lease? `lab.host.run(["bridge", "link"])` shows the ports and their states.',
            ),
        ),
        Task(
            name="lan",
            text="Show that the LAN's PC reaches `old`, and that `new` reaches the host and the internet.",
            points=2,
            look=_lan,
            hints=("`kl.ping(lab.pc, guest.address)` pings from the PC.",),
        ),
    ),
)
