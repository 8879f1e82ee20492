"""Faults that only large packets meet."""

from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import addressed, known_nic, nic_of, on_host, target_of, targets_of
from kvmlab.host import world

#: What a tunnel leaves of an Ethernet frame's 1500 bytes, about.
_SMALL = 1400
_USUAL = 1500
_ROUTER_LINK = "wan0"
_QUIET = "no-icmp-errors"


def _mismatched(scene: Scene) -> list[Target]:
    """Return each NIC at a bridge with a companion that sends it frames."""
    return [
        {**target_of(nic), "from": other.domain, "from_mac": other.mac}
        for nic in addressed(scene)
        for other in addressed(scene)
        if other is not nic and nic.bridge and nic.tap and other.bridge == nic.bridge
    ]


def _mismatch(scene: Scene, target: Target) -> Recipe:
    nic, tap = known_nic(scene, target), scene.host.link(target["tap"])
    assert tap is not None
    change = ("ip", "link", "set", "dev", tap.name, "mtu")
    return Recipe(
        breaks=(on_host(*change, str(tap.mtu - 200)),),
        mends=(on_host(*change, str(tap.mtu)),),
        symptom=Symptom(
            complaint=f"{target['from']} pings {nic.domain}, but copying a file to it hangs.",
            source=target["from"],
            target=scene.address(nic),
            size_bytes=tap.mtu,
        ),
    )


def _is_smaller(scene: Scene, target: Target) -> bool:
    nic, tap = nic_of(scene, target), scene.host.link(target["tap"])
    link = scene.link(nic) if nic else None
    return tap is not None and link is not None and tap.mtu < link.mtu


mtu_mismatch = Fault(
    name="mtu-mismatch",
    about="The tap has a smaller MTU than the guest behind it: larger frames are dropped without a word.",
    difficulty="medium",
    needs="two guests with addresses on one bridge",
    targets=_mismatched,
    recipe=_mismatch,
    is_there=_is_smaller,
)


def _reaching_out(scene: Scene) -> list[DefinedNic]:
    """Return NICs behind a NAT, routed or bridged way to the LAN's router."""
    bridged = {card.master for card in scene.cards() if card.master}
    found = []
    for nic in addressed(scene):
        network = scene.network(nic)
        if nic.bridge in bridged or (network and network.facts.forward in ("nat", "route", "open")):
            found.append(nic)
    return found


def _hole(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    rules = (
        f"table ip {_QUIET} {{\n  chain output {{\n    type filter hook output priority filter;\n"
        "    icmp type destination-unreachable drop\n  }\n}\n"
    )
    mtu = ("ip", "link", "set", "dev", _ROUTER_LINK, "mtu")
    return Recipe(
        breaks=(
            on_host(*mtu, str(_SMALL), where="router"),
            on_host("nft", "-f", "-", stdin=rules, where="router"),
        ),
        mends=(
            on_host("nft", "delete", "table", "ip", _QUIET, where="router"),
            on_host(*mtu, str(_USUAL), where="router"),
        ),
        symptom=Symptom(
            complaint=f"{nic.domain} opens connections to the internet, but downloads hang.",
            source=nic.domain,
            target=world.WEB_ADDRESS,
            size_bytes=_USUAL,
        ),
    )


def _is_hole(scene: Scene, _target: Target) -> bool:
    link = scene.states["router"].link(_ROUTER_LINK)
    return link is not None and link.mtu < _USUAL


pmtu_black_hole = Fault(
    name="pmtu-black-hole",
    about="A link beyond the LAN's router has a smaller MTU, and the router's firewall keeps back the ICMP "
    "messages that say so (RFC 2923).",
    difficulty="hard",
    needs="a guest that reaches the internet",
    targets=lambda scene: targets_of(_reaching_out(scene)),
    recipe=_hole,
    is_there=_is_hole,
)

FAULTS = (mtu_mismatch, pmtu_black_hole)
