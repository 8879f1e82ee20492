"""Faults of the host's own way into the LAN."""

from kvmlab.commands import Command
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import on_host
from kvmlab.host import world
from kvmlab.host.links import Link, NetworkState

#: Where the cable of each card of the host ends.
_PEERS = {nic.name: nic.peer for nic in world.NICS if nic.host == "host"}


def _offline(complaint: str) -> Symptom:
    return Symptom(complaint=complaint, source="host", target=world.ROUTER_ADDRESS)


def _cards(scene: Scene) -> list[Target]:
    """Return the card through which the host reaches the LAN, or that of its bridge."""
    ways = {route.link for route in scene.host.routes if route.destination == "default" and route.link}
    found = [card for card in scene.uplinks() if {card.name, card.master} & ways and card.name in _PEERS]
    return [{"link": card.name} for card in found]


def _restored(state: NetworkState, link: str) -> list[Command]:
    """Return the commands that give a link back what the kernel takes when it is set down.

    IPv6 addresses and all routes go with it (ip-sysctl, ``keep_addr_on_down``).
    """
    commands = [
        on_host("ip", "address", "replace", a.cidr, "dev", link, "nodad")
        for a in state.addresses_of(link)
        if ":" in a.address and a.scope == "global"
    ]
    for route in state.routes:
        if route.link == link and route.gateway:
            way = ("via", route.gateway, "dev", link)
            commands.append(on_host("ip", f"-{route.family}", "route", "replace", route.destination, *way))
    return commands


def _down_recipe(scene: Scene, target: Target) -> Recipe:
    link = target["link"]
    return Recipe(
        breaks=(on_host("ip", "link", "set", "dev", link, "down"),),
        mends=(on_host("ip", "link", "set", "dev", link, "up"), *_restored(scene.host, link)),
        symptom=_offline("The KVM host reaches nobody any more."),
    )


def _state(scene: Scene, target: Target) -> Link | None:
    return scene.host.link(target["link"])


uplink_down = Fault(
    name="uplink-down",
    about="The host's uplink was set down.",
    difficulty="easy",
    needs="a host with a way into the LAN",
    targets=_cards,
    recipe=_down_recipe,
    is_there=lambda scene, target: (link := _state(scene, target)) is not None and not link.is_up,
)


def _carrier_recipe(_scene: Scene, target: Target) -> Recipe:
    where, port = _PEERS[target["link"]]
    return Recipe(
        breaks=(on_host("ip", "link", "set", "dev", port, "down", where=where),),
        mends=(on_host("ip", "link", "set", "dev", port, "up", where=where),),
        symptom=_offline("The KVM host reaches nobody any more, and nobody changed anything on it."),
    )


def _no_carrier(scene: Scene, target: Target) -> bool:
    link = _state(scene, target)
    return link is not None and link.is_up and not link.has_carrier


uplink_no_carrier = Fault(
    name="uplink-no-carrier",
    about="The cable of the host's uplink is unplugged at the switch.",
    difficulty="easy",
    needs="a host with a way into the LAN",
    targets=_cards,
    recipe=_carrier_recipe,
    is_there=_no_carrier,
)

_NEW_BRIDGE = "br-new"


def _free_cards(scene: Scene) -> list[Target]:
    """Leave out cards with a macvlan on them: the kernel lets those be no ports."""
    lower = {link.lower for link in scene.host.links}
    return [target for target in _cards(scene) if target["link"] not in lower]


def _enslave_recipe(scene: Scene, target: Target) -> Recipe:
    """Make the uplink a port, or move the address from its bridge back to the port."""
    card = _state(scene, target)
    assert card is not None
    forget = tuple(
        on_host("ip", "neighbour", "flush", "dev", link, where=where)
        for where, link in (("router", "lan0"), ("pc", "eth0"))
    )
    if card.master:
        breaks, mends = (
            tuple(_move(scene.host, old, new, card.master))
            for old, new in ((card.master, card.name), (card.name, card.master))
        )
    else:
        breaks = (
            on_host("ip", "link", "add", "name", _NEW_BRIDGE, "type", "bridge", "forward_delay", "0"),
            on_host("ip", "link", "set", "dev", _NEW_BRIDGE, "up"),
            on_host("ip", "link", "set", "dev", card.name, "master", _NEW_BRIDGE),
        )
        mends = (
            on_host("ip", "link", "set", "dev", card.name, "nomaster"),
            on_host("ip", "link", "delete", "dev", _NEW_BRIDGE),
        )
    return Recipe(
        breaks=(*breaks, *forget),
        mends=(*mends, *forget),
        symptom=_offline("Since somebody worked on the bridge the KVM host itself is offline."),
    )


def _move(state: NetworkState, old: str, new: str, holder: str) -> list[Command]:
    """Return the commands that move the IPv4 addresses and routes that ``holder`` has now."""
    commands = []
    for address in state.addresses_of(holder):
        if "." in address.address:
            commands.append(on_host("ip", "address", "delete", address.cidr, "dev", old))
            commands.append(on_host("ip", "address", "add", address.cidr, "broadcast", "+", "dev", new))
    for route in state.routes:
        if route.link == holder and route.gateway and route.family == 4:
            way = (route.destination, "via", route.gateway, "dev", new)
            commands.append(on_host("ip", "route", "replace", *way))
    return commands


def _address_on_port(scene: Scene, target: Target) -> bool:
    link = _state(scene, target)
    held = [a for a in scene.host.addresses_of(target["link"]) if "." in a.address]
    return link is not None and bool(link.master) and bool(held)


uplink_address_on_port = Fault(
    name="uplink-address-on-port",
    about="The uplink is a port of a bridge, but the host's address is still on the port.",
    difficulty="medium",
    needs="a host with a way into the LAN, and no guest in direct mode on it",
    targets=_free_cards,
    recipe=_enslave_recipe,
    is_there=_address_on_port,
)

FAULTS = (uplink_down, uplink_no_carrier, uplink_address_on_port)
