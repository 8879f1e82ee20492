"""Faults of what lets packets through, or sends them elsewhere: nwfilter, port forwards, macvlans."""

import re
import xml.etree.ElementTree as ET

from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import addressed, in_guest, known_nic, neighbor_of, nic_of, on_host, target_of
from kvmlab.host import world
from kvmlab.host.firewall import Rule
from kvmlab.host.links import Route
from kvmlab.spec.identity import mac_from

_FILTER = "no-mac-spoofing"


def _filterable(scene: Scene) -> list[Target]:
    return [target_of(n) for n in addressed(scene) if n.kind in ("network", "bridge") and not n.filter]


def _interface(nic: DefinedNic, *, filtered: bool) -> str:
    """Return the ``<interface>`` that libvirt compares with the one that it has."""
    interface = ET.Element("interface", type=nic.kind)
    ET.SubElement(interface, "mac", address=nic.mac)
    ET.SubElement(interface, "source", {nic.kind: nic.network or nic.bridge})
    ET.SubElement(interface, "target", dev=nic.tap)
    ET.SubElement(interface, "model", type=nic.model)
    if nic.is_isolated:
        ET.SubElement(interface, "port", isolated="yes")
    if filtered:
        ET.SubElement(interface, "filterref", filter=_FILTER)
    return ET.tostring(interface, encoding="unicode")


def _spoof(scene: Scene, target: Target) -> Recipe:
    nic, link = known_nic(scene, target), scene.link(known_nic(scene, target))
    assert link is not None
    update = ("virsh", "update-device", nic.domain, "/dev/stdin", "--live")
    change = ("ip", "link", "set", "dev", link.name, "address")
    return Recipe(
        breaks=(
            on_host(*update, stdin=_interface(nic, filtered=True)),
            in_guest(nic.domain, *change, mac_from(nic.domain, nic.mac, "changed")),
        ),
        mends=(
            in_guest(nic.domain, *change, nic.mac),
            on_host(*update, stdin=_interface(nic, filtered=False)),
        ),
        symptom=Symptom(
            complaint=f"Since its administrator was at work, {nic.domain} reaches nobody.",
            source=nic.domain,
            target=neighbor_of(scene, nic),
        ),
    )


def _is_spoofed(scene: Scene, target: Target) -> bool:
    nic = nic_of(scene, target)
    link = scene.link(nic) if nic else None
    return nic is not None and link is not None and bool(nic.filter) and link.mac != nic.mac


nwfilter_mac = Fault(
    name="nwfilter-mac",
    about="The guest uses another MAC address than its card has, and libvirt's filter drops its frames.",
    difficulty="hard",
    needs="a guest with an address in a libvirt network or at a bridge, without a filter",
    targets=_filterable,
    recipe=_spoof,
    is_there=_is_spoofed,
)

_TO = re.compile(r"dnat to (\d+(?:\.\d+){3}):(\d+)")
_DPORT = re.compile(r"\btcp dport (\d+)\b")


def _forwards(scene: Scene) -> list[tuple[Rule, str]]:
    """Return rules of nft's own that lead a TCP port to an address, with that address; one per table."""
    found = {}
    for rule in scene.rules:
        to = _TO.search(rule.text)
        if to and _DPORT.search(rule.text) and not rule.by_libvirt and rule.handle is not None:
            found[rule.table] = (rule, to[1])
    return list(found.values())


def _misleading(scene: Scene) -> list[Target]:
    """Return forwards to a guest, each with another guest of the same bridge."""
    found: list[Target] = []
    for rule, address in _forwards(scene):
        owners = [nic for nic in addressed(scene) if scene.address(nic) == address]
        others = [n for o in owners for n in addressed(scene) if n.bridge == o.bridge and n is not o]
        port = _DPORT.search(rule.text)
        for other in others if port else ():
            found.append(
                {
                    "domain": owners[0].domain,
                    "table": rule.table,
                    "port": port[1] if port else "",
                    "right": address,
                    "wrong": scene.address(other),
                }
            )
    return found


def _mislead(_scene: Scene, target: Target) -> Recipe:
    table, right, wrong = target["table"], target["right"], target["wrong"]
    change = 'nft list table ip "$1" | sed "s/dnat to $2:/dnat to $3:/" >/run/forward.nft'
    load = ("nft", "-f", "/run/forward.nft")

    def changed(old: str, new: str) -> tuple[tuple[str, ...], ...]:
        return (
            ("sh", "-c", change, "sh", table, old.replace(".", r"\."), new),
            ("nft", "delete", "table", "ip", table),
            load,
            ("rm", "-f", "/run/forward.nft"),
        )

    return Recipe(
        breaks=tuple(on_host(*argv) for argv in changed(right, wrong)),
        mends=tuple(on_host(*argv) for argv in changed(wrong, right)),
        symptom=Symptom(
            complaint=f"Port {target['port']} of the host does not lead to {target['domain']} any more.",
            source="host",
            target=world.HOST_ADDRESS,
            how="tcp",
            port=int(target["port"]),
        ),
    )


def _is_misled(scene: Scene, target: Target) -> bool:
    return any(rule.table == target["table"] and to == target["wrong"] for rule, to in _forwards(scene))


forward_wrong_guest = Fault(
    name="forward-wrong-guest",
    about="A port of the host leads to a guest that serves nothing there.",
    difficulty="medium",
    needs="a port that leads to a guest, and another guest beside it",
    targets=_misleading,
    recipe=_mislead,
    is_there=_is_misled,
)


def _cures(scene: Scene) -> list[tuple[DefinedNic, Route]]:
    """Return guests in direct mode, each with the host's route to it through a macvlan of its own."""
    macvlans = {link.name: link for link in scene.host.links if link.kind == "macvlan"}
    found = []
    for nic in addressed(scene):
        for route in scene.host.routes:
            if route.link in macvlans and route.destination.removesuffix("/32") == scene.address(nic):
                found.append((nic, route))
    return found


def _uncure(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    route = (f"{target['address']}/32", "dev", target["macvlan"])
    return Recipe(
        breaks=(on_host("ip", "route", "delete", *route),),
        mends=(on_host("ip", "route", "add", *route),),
        symptom=Symptom(
            complaint=f"The whole LAN reaches {nic.domain}, only its own host does not.",
            source="host",
            target=target["address"],
        ),
    )


def _is_uncured(scene: Scene, target: Target) -> bool:
    ways = [r for r in scene.host.routes if r.destination.removesuffix("/32") == target["address"]]
    return not any(route.link == target["macvlan"] for route in ways)


macvtap_host = Fault(
    name="macvtap-host",
    about="The host asks for its guest through the link below the guest, which hands nothing back.",
    difficulty="medium",
    needs="a guest in direct mode that the host reaches through a macvlan of its own",
    targets=lambda scene: [
        {**target_of(nic), "address": scene.address(nic), "macvlan": route.link}
        for nic, route in _cures(scene)
    ],
    recipe=_uncure,
    is_there=_is_uncured,
)

FAULTS = (nwfilter_mac, forward_wrong_guest, macvtap_host)
