"""Faults in a guest: its card, its driver, what it was set to by hand."""

from ipaddress import IPv4Address, IPv4Interface, ip_interface

from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import (
    addressed,
    in_guest,
    known_nic,
    neighbor_of,
    nic_of,
    target_of,
    targets_of,
    unused_address,
)
from kvmlab.host import world
from kvmlab.spec.interface import NIC_MODELS

_BLACKLIST = "/etc/modprobe.d/nic-blacklist.conf"
#: Modules that are taken for the driver of a model. r8169 is for Realtek's gigabit cards
#: (Linux, drivers/net/ethernet/realtek), e1000e for Intel's with PCI Express.
_MISTAKEN = {"rtl8139": "r8169", "e1000": "e1000e"}
#: Nobody answers there: reserved for documentation (RFC 5737).
_NO_SERVER = "192.0.2.53"


def _drivable(scene: Scene) -> list[DefinedNic]:
    """Return the NICs whose driver serves no other card of the guest, and which have an address."""
    found = []
    for nic in addressed(scene):
        link, view = scene.link(nic), scene.guests[nic.domain]
        if link and [c.driver for c in view.cards].count(link.driver) == 1:
            found.append(nic)
    return found


def _no_network(scene: Scene, nic: DefinedNic) -> Symptom:
    complaint = f"{nic.domain} has no network at all."
    return Symptom(complaint=complaint, source=nic.domain, target=neighbor_of(scene, nic))


def _blacklist_recipe(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    driver = NIC_MODELS[nic.model].driver
    return Recipe(
        breaks=(
            in_guest(nic.domain, "tee", _BLACKLIST, stdin=f"blacklist {driver}\n"),
            in_guest(nic.domain, "modprobe", "-r", driver),
        ),
        mends=(
            in_guest(nic.domain, "rm", "-f", _BLACKLIST),
            in_guest(nic.domain, "modprobe", driver),
        ),
        symptom=_no_network(scene, nic),
    )


def _is_bare(scene: Scene, target: Target) -> bool:
    """Tell whether a card of the guest has no driver."""
    view = scene.guests.get(target["domain"])
    return view is not None and any(not card.driver for card in view.cards)


def _is_blacklisted(scene: Scene, target: Target) -> bool:
    nic, view = nic_of(scene, target), scene.guests.get(target["domain"])
    if nic is None or view is None:
        return False
    return _is_bare(scene, target) and view.is_blacklisted(NIC_MODELS[nic.model].driver)


driver_blacklisted = Fault(
    name="driver-blacklisted",
    about="The guest is told not to load the driver of its card, so that it has no link.",
    difficulty="easy",
    needs="a guest with a card whose driver is a module",
    targets=lambda scene: targets_of(_drivable(scene)),
    recipe=_blacklist_recipe,
    is_there=_is_blacklisted,
)


def _wrong_recipe(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    right, wrong = NIC_MODELS[nic.model].driver, _MISTAKEN[nic.model]
    return Recipe(
        breaks=(in_guest(nic.domain, "modprobe", "-r", right), in_guest(nic.domain, "modprobe", wrong)),
        mends=(in_guest(nic.domain, "modprobe", "-r", wrong), in_guest(nic.domain, "modprobe", right)),
        symptom=_no_network(scene, nic),
    )


driver_wrong = Fault(
    name="driver-wrong",
    about="The guest has a driver loaded that does not fit its card, and the one that fits is not loaded.",
    difficulty="medium",
    needs=f"a guest with a card of model {' or '.join(_MISTAKEN)}",
    targets=lambda scene: [target_of(nic) for nic in _drivable(scene) if nic.model in _MISTAKEN],
    recipe=_wrong_recipe,
    is_there=lambda scene, target: _is_bare(scene, target) and not _is_blacklisted(scene, target),
)


def _with_gateway(scene: Scene) -> list[DefinedNic]:
    """Return the NICs with an address through which the guest's default route leads."""
    found = []
    for nic in scene.running:
        view, held = scene.guests.get(nic.domain), scene.addresses(nic)
        if view and view.gateway and any(_contains(cidr, view.gateway) for cidr in held):
            found.append(nic)
    return found


def _contains(cidr: str, address: str) -> bool:
    return IPv4Address(address) in IPv4Interface(cidr).network


def _misguidable(scene: Scene) -> list[Target]:
    """Leave out guests whose subnet has no address left that nobody has."""
    return [target_of(nic) for nic in _with_gateway(scene) if _nobody(scene, nic)]


def _nobody(scene: Scene, nic: DefinedNic) -> str:
    return unused_address(scene, IPv4Interface(scene.addresses(nic)[0]).network)


def _gateway_recipe(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    link, wrong = scene.link(nic), _nobody(scene, nic)
    assert link is not None
    route = ("default", "via", wrong, "dev", link.name)
    return Recipe(
        breaks=(in_guest(nic.domain, "ip", "route", "add", *route),),
        mends=(in_guest(nic.domain, "ip", "route", "delete", *route),),
        symptom=Symptom(
            complaint=f"{nic.domain} reaches its neighbours, but nobody else.",
            source=nic.domain,
            target=world.WEB_ADDRESS,
        ),
    )


def _has_wrong_gateway(scene: Scene, target: Target) -> bool:
    nic = nic_of(scene, target)
    view = scene.guests.get(target["domain"])
    if nic is None or view is None or not view.gateway:
        return False
    known = {a.address for state in scene.states.values() for a in state.addresses}
    return view.gateway not in known


gateway_wrong = Fault(
    name="gateway-wrong",
    about="The guest's default route leads to an address that nobody has.",
    difficulty="medium",
    needs="a guest with an address and a default route",
    targets=_misguidable,
    recipe=_gateway_recipe,
    is_there=_has_wrong_gateway,
)


def _widened(address: IPv4Interface) -> int:
    """Return a prefix length with which the LAN's PC seems to be in the guest's own subnet; 0 for none."""
    lengths = [n for n in (16, 8) if n < address.network.prefixlen]
    return next((n for n in lengths if _contains(f"{address.ip}/{n}", world.PC_ADDRESS)), 0)


def _prefix_targets(scene: Scene) -> list[Target]:
    found: list[Target] = []
    for nic in _with_gateway(scene):
        own = IPv4Interface(scene.addresses(nic)[0])
        if IPv4Address(world.PC_ADDRESS) not in own.network and _widened(own):
            found.append(target_of(nic))
    return found


def _prefix_recipe(scene: Scene, target: Target) -> Recipe:
    nic = known_nic(scene, target)
    link = scene.link(nic)
    assert link is not None
    own = link.addresses[0].interface
    wrong = (f"{own.ip}/{_widened(own)}", "dev", link.name)
    return Recipe(
        breaks=(in_guest(nic.domain, "ip", "address", "add", *wrong),),
        mends=(in_guest(nic.domain, "ip", "address", "delete", *wrong),),
        symptom=Symptom(
            complaint=f"{nic.domain} reaches the internet, but not the LAN's PC.",
            source=nic.domain,
            target=world.PC_ADDRESS,
        ),
    )


def _has_wrong_prefix(scene: Scene, target: Target) -> bool:
    nic = nic_of(scene, target)
    held = [ip_interface(cidr) for cidr in scene.addresses(nic)] if nic else []
    return len({address.ip for address in held}) < len(held)


prefix_wrong = Fault(
    name="prefix-wrong",
    about="The guest's address has too short a prefix, so that it takes strangers for neighbours.",
    difficulty="hard",
    needs="a guest in a subnet behind the host, with a default route",
    targets=_prefix_targets,
    recipe=_prefix_recipe,
    is_there=_has_wrong_prefix,
)


def _dns_recipe(_scene: Scene, target: Target) -> Recipe:
    domain = target["domain"]
    own, kept = "/etc/resolv.conf", "/etc/resolv.conf.before"
    return Recipe(
        breaks=(
            in_guest(domain, "mv", own, kept),  # a link to what dhcpcd writes
            in_guest(domain, "tee", own, stdin=f"nameserver {_NO_SERVER}\n"),
        ),
        mends=(in_guest(domain, "mv", "-f", kept, own),),
        symptom=Symptom(
            complaint=f"{domain} reaches addresses, but finds no names.",
            source=domain,
            target=world.WEB_NAME,
            how="name",
        ),
    )


def _has_wrong_dns(scene: Scene, target: Target) -> bool:
    view = scene.guests.get(target["domain"])
    return view is not None and _NO_SERVER in view.name_servers


dns_wrong = Fault(
    name="dns-wrong",
    about="The guest asks a name server that does not answer.",
    difficulty="easy",
    needs="a guest with a name server",
    targets=lambda scene: [
        target_of(nic) for nic in _with_gateway(scene) if scene.guests[nic.domain].name_servers
    ],
    recipe=_dns_recipe,
    is_there=_has_wrong_dns,
)

FAULTS = (driver_blacklisted, driver_wrong, gateway_wrong, prefix_wrong, dns_wrong)
