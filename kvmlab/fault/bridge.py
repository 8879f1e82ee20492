"""Faults of a bridge and of the taps at its ports."""

from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import addressed, known_nic, neighbor_of, nic_of, on_host, targets_of
from kvmlab.host.links import Link

#: States of a port as bridge(8) counts them.
_DISABLED, _FORWARDING = "0", "3"


def _at_bridge(scene: Scene) -> list[Target]:
    return targets_of([nic for nic in addressed(scene) if nic.bridge and nic.tap])


def _tap(scene: Scene, target: Target) -> Link | None:
    return scene.host.link(target["tap"])


def _alone(scene: Scene, target: Target, breaks: tuple[str, ...], mends: tuple[str, ...]) -> Recipe:
    nic = known_nic(scene, target)
    return Recipe(
        breaks=(on_host(*breaks),),
        mends=(on_host(*mends),),
        symptom=_lonely(scene, nic),
    )


def _lonely(scene: Scene, nic: DefinedNic) -> Symptom:
    complaint = f"{nic.domain} has an address, but reaches nobody."
    return Symptom(complaint=complaint, source=nic.domain, target=neighbor_of(scene, nic))


def _unplugged(scene: Scene, target: Target) -> bool:
    nic = nic_of(scene, target)
    return nic is not None and not nic.is_plugged


cable_unplugged = Fault(
    name="cable-unplugged",
    about="libvirt was told to pull the cable out of the guest's card.",
    difficulty="easy",
    needs="a guest with an address, at a bridge",
    targets=_at_bridge,
    recipe=lambda scene, target: _alone(
        scene,
        target,
        ("virsh", "domif-setlink", target["domain"], target["mac"], "down"),
        ("virsh", "domif-setlink", target["domain"], target["mac"], "up"),
    ),
    is_there=_unplugged,
)

port_missing = Fault(
    name="port-missing",
    about="The guest's tap is no port of its bridge.",
    difficulty="easy",
    needs="a guest with an address, at a bridge",
    targets=_at_bridge,
    recipe=lambda scene, target: _alone(
        scene,
        target,
        ("ip", "link", "set", "dev", target["tap"], "nomaster"),
        ("ip", "link", "set", "dev", target["tap"], "master", known_nic(scene, target).bridge),
    ),
    is_there=lambda scene, target: (tap := _tap(scene, target)) is not None and not tap.master,
)


def _blockable(scene: Scene) -> list[Target]:
    """Return NICs at bridges without STP: with it, the kernel itself sets the states."""
    bridges = {link.name for link in scene.host.links if link.stp is False}
    return targets_of([nic for nic in addressed(scene) if nic.tap and nic.bridge in bridges])


def _block(scene: Scene, target: Target) -> Recipe:
    """Leave the port as a guest does that sends a BPDU to a port with BPDU guard (bridge(8), ``guard``)."""
    port = ("bridge", "link", "set", "dev", target["tap"])
    nic = known_nic(scene, target)
    return Recipe(
        breaks=(on_host(*port, "guard", "on"), on_host(*port, "state", _DISABLED)),
        mends=(on_host(*port, "guard", "off"), on_host(*port, "state", _FORWARDING)),
        symptom=_lonely(scene, nic),
    )


port_blocked = Fault(
    name="port-blocked",
    about="The spanning tree's guard disabled the port of the guest's tap.",
    difficulty="medium",
    needs="a guest with an address, at a bridge whose STP is off",
    targets=_blockable,
    recipe=_block,
    is_there=lambda scene, target: (tap := _tap(scene, target)) is not None and tap.port_state == "disabled",
)


def _companies(scene: Scene) -> list[Target]:
    """Return bridges with two guests or more at ports that are not isolated."""
    found: list[Target] = []
    for bridge in dict.fromkeys(nic.bridge for nic in addressed(scene) if nic.bridge):
        nics = [nic for nic in addressed(scene) if nic.bridge == bridge and nic.tap and not nic.is_isolated]
        if len(nics) > 1:
            found.append({"bridge": bridge, "taps": " ".join(nic.tap for nic in nics)})
    return found


def _isolate(scene: Scene, target: Target) -> Recipe:
    taps = target["taps"].split()
    one, other = (next(nic for nic in scene.nics if nic.tap == tap) for tap in taps[:2])
    return Recipe(
        breaks=tuple(on_host("bridge", "link", "set", "dev", tap, "isolated", "on") for tap in taps),
        mends=tuple(on_host("bridge", "link", "set", "dev", tap, "isolated", "off") for tap in taps),
        symptom=Symptom(
            complaint=f"{one.domain} and {other.domain} reach everybody but each other.",
            source=one.domain,
            target=scene.address(other),
        ),
    )


def _isolated(scene: Scene, target: Target) -> bool:
    links = [scene.host.link(tap) for tap in target["taps"].split()]
    return sum(link is not None and link.is_isolated for link in links) > 1


port_isolated = Fault(
    name="port-isolated",
    about="The taps are isolated ports, which libvirt was not asked for: they do not talk to each other.",
    difficulty="medium",
    needs="two guests with addresses on one bridge",
    targets=_companies,
    recipe=_isolate,
    is_there=_isolated,
)


def _filtered_bridges(scene: Scene) -> list[Target]:
    """Return NICs at bridges with a card of the host as port, where br_netfilter can bite."""
    if scene.settings.filters_bridged is None or scene.settings.dropping("forward"):
        return []
    bridges = {card.master for card in scene.cards() if card.master}
    return targets_of([nic for nic in addressed(scene) if nic.bridge in bridges])


def _bite(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    name, before = "net.bridge.bridge-nf-call-iptables", int(bool(scene.settings.filters_bridged))
    return Recipe(
        breaks=(
            on_host("sysctl", "--write", f"{name}=1"),
            on_host("iptables", "--policy", "FORWARD", "DROP"),
        ),
        mends=(
            on_host("iptables", "--policy", "FORWARD", "ACCEPT"),
            on_host("sysctl", "--write", f"{name}={before}"),
        ),
        symptom=Symptom(
            complaint=f"{nic.domain} is on the LAN's bridge, but reaches nobody in the LAN.",
            source=nic.domain,
            target=neighbor_of(scene, nic),
        ),
    )


br_netfilter = Fault(
    name="br-netfilter",
    about="Bridged frames go through the rules for forwarded packets, and their policy is to drop.",
    difficulty="hard",
    needs="a kernel with br_netfilter, and a guest at a bridge that has the host's uplink as port",
    targets=_filtered_bridges,
    recipe=_bite,
    is_there=lambda scene, _target: (
        bool(scene.settings.filters_bridged) and bool(scene.settings.dropping("forward"))
    ),
)

FAULTS = (cable_unplugged, port_missing, port_blocked, port_isolated, br_netfilter)
