"""Faults of identity: two guests with one MAC or one IPv4 address."""

from collections import Counter

from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import addressed, in_guest, known_nic, nic_of, target_of


def _pairs(scene: Scene) -> list[Target]:
    """Return each two addressed NICs of one bridge: one that is copied, one that copies."""
    nics = [nic for nic in addressed(scene) if nic.bridge]
    return [
        {**target_of(copy), "of_domain": original.domain, "of_mac": original.mac}
        for original in nics
        for copy in nics
        if copy is not original and copy.bridge == original.bridge
    ]


def _original(scene: Scene, target: Target) -> DefinedNic:
    return known_nic(scene, {"domain": target["of_domain"], "mac": target["of_mac"]})


def _link_name(scene: Scene, nic: DefinedNic) -> str:
    link = scene.link(nic)
    assert link is not None
    return link.name


def _mac_recipe(scene: Scene, target: Target) -> Recipe:
    nic, original = known_nic(scene, target), _original(scene, target)
    link = _link_name(scene, nic)
    return Recipe(
        breaks=(in_guest(nic.domain, "ip", "link", "set", "dev", link, "address", original.mac),),
        mends=(in_guest(nic.domain, "ip", "link", "set", "dev", link, "address", nic.mac),),
        symptom=Symptom(
            complaint=f"Of {original.domain} and {nic.domain} now the one has a network, now the other.",
            source=original.domain,
            target=scene.address(nic),
        ),
    )


def _macs_are_twice(scene: Scene, target: Target) -> bool:
    held = Counter(link.mac for view in scene.guests.values() for link in view.links)
    return held[target["of_mac"]] > 1


duplicate_mac = Fault(
    name="duplicate-mac",
    about="Two guests have the same MAC address: the bridge sends frames now to one, now to the other.",
    difficulty="hard",
    needs="two guests with addresses on one bridge",
    targets=_pairs,
    recipe=_mac_recipe,
    is_there=_macs_are_twice,
)


def _ip_recipe(scene: Scene, target: Target) -> Recipe:
    nic, original = known_nic(scene, target), _original(scene, target)
    link, cidr = _link_name(scene, nic), scene.addresses(original)[0]
    address = cidr.split("/")[0]
    # Whoever announces itself last is believed (RFC 826; arping(8), -U).
    announce = ("arping", "-q", "-U", "-c", "1", "-I")
    own = _link_name(scene, original)
    return Recipe(
        breaks=(
            in_guest(nic.domain, "ip", "address", "add", cidr, "dev", link),
            in_guest(nic.domain, *announce, link, address),
        ),
        mends=(
            in_guest(nic.domain, "ip", "address", "delete", cidr, "dev", link),
            in_guest(original.domain, *announce, own, address),
        ),
        symptom=Symptom(
            complaint=f"Connections to {original.domain} break off, or end at another machine.",
            source=original.domain,
            target=address,
            how="arp",
            link=own,
        ),
    )


def _addresses_are_twice(scene: Scene, target: Target) -> bool:
    one, other = (
        nic_of(scene, {"domain": target[f"{prefix}domain"], "mac": target[f"{prefix}mac"]})
        for prefix in ("", "of_")
    )
    held = [{cidr.split("/")[0] for cidr in scene.addresses(nic)} for nic in (one, other) if nic]
    return len(held) == 2 and bool(held[0] & held[1])


duplicate_ip = Fault(
    name="duplicate-ip",
    about="A guest was given, by hand, an address that another guest has already.",
    difficulty="medium",
    needs="two guests with addresses on one bridge",
    targets=_pairs,
    recipe=_ip_recipe,
    is_there=lambda scene, target: _addresses_are_twice(scene, target) and not _macs_are_twice(scene, target),
)

FAULTS = (duplicate_mac, duplicate_ip)
