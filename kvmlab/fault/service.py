"""Faults of libvirt's networks and of the addresses that they serve."""

from kvmlab.commands import Command
from kvmlab.evidence.definition import DefinedNetwork, DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import addressed, in_guest, known_nic, neighbor_of, nic_of, on_host, target_of
from kvmlab.host import world


def _served(scene: Scene) -> list[DefinedNic]:
    """Return addressed NICs in active networks that serve DHCP."""
    found = []
    for nic in addressed(scene):
        network = scene.network(nic)
        if network and network.facts.is_active and network.ranges:
            found.append(nic)
    return found


def _network(scene: Scene, target: Target) -> DefinedNetwork | None:
    return next((network for network in scene.networks if network.name == target["network"]), None)


def _known(scene: Scene, target: Target) -> DefinedNetwork:
    network = _network(scene, target)
    assert network is not None
    return network


def _named(scene: Scene, nic: DefinedNic) -> dict[str, str]:
    return {**target_of(nic), "network": nic.network, "address": scene.address(nic)}


def _dead_recipe(_scene: Scene, target: Target) -> Recipe:
    network, domain = target["network"], target["domain"]
    return Recipe(
        breaks=(on_host("pkill", "--pidfile", f"/run/libvirt/network/{network}.pid"),),
        # libvirtd starts it again when it is told to reload (libvirtd(8), "SIGNALS")
        mends=(on_host("pkill", "--signal", "HUP", "--exact", "libvirtd"),),
        symptom=Symptom(
            complaint=f"{domain} reaches addresses, but finds no names any more.",
            source=domain,
            target=world.WEB_NAME,
            how="name",
        ),
    )


def _is_dead(scene: Scene, target: Target) -> bool:
    return scene.daemons.get(f"dnsmasq of network {target['network']}") != "running"


dnsmasq_dead = Fault(
    name="dnsmasq-dead",
    about="The dnsmasq that serves addresses and names in the guest's network is dead.",
    difficulty="easy",
    needs="a guest in a NAT network that serves DHCP",
    targets=lambda scene: [
        _named(scene, nic)
        for nic in _served(scene)
        if (network := scene.network(nic)) and network.facts.forward == "nat"
    ],
    recipe=_dead_recipe,
    is_there=_is_dead,
)


def _others(scene: Scene, nic: DefinedNic) -> list[str]:
    """Return the addresses that the network of a NIC leased to others."""
    network = scene.network(nic)
    leases = network.leases if network else ()
    return [lease.address.split("/")[0] for lease in leases if lease.mac != nic.mac and "." in lease.address]


#: libvirt starts dnsmasq anew with another range; it reads the leases that libvirt's helper wrote down,
#: and ends at once with more of them than the range has addresses.
_UNTIL_RELEASED = 'while virsh net-dhcp-leases "$1" --mac "$2" | grep --quiet "$2"; do sleep 0.1; done'
#: Seconds until a lease that was given back must be gone, for timeout(1).
_RELEASE_BOUND_S = "20"


def _exhaust(scene: Scene, target: Target) -> Recipe:
    """Cut the range to the address that another guest holds, while the guest has given its address back."""
    nic, network = known_nic(scene, target), _known(scene, target)
    link = scene.link(nic)
    assert link is not None
    whole = _range(*map(str, network.ranges[0]))
    (held,) = _others(scene, nic)
    single = _range(held, held)
    return Recipe(
        breaks=(
            in_guest(nic.domain, "dhcpcd", "--release"),
            on_host("timeout", _RELEASE_BOUND_S, "sh", "-c", _UNTIL_RELEASED, "sh", nic.network, nic.mac),
            _update(nic.network, "delete", whole),
            _update(nic.network, "add", single),
            in_guest(nic.domain, "dhcpcd", "--quiet", "--background"),
        ),
        mends=(
            _update(nic.network, "delete", single),
            _update(nic.network, "add", whole),
            in_guest(nic.domain, "dhcpcd", "--quiet", "--background", "--rebind"),
        ),
        symptom=Symptom(
            complaint=f"{nic.domain} gets no address any more.",
            source=nic.domain,
            target=neighbor_of(scene, nic),
        ),
    )


def _range(first: str, last: str) -> str:
    return f"<range start='{first}' end='{last}'/>"


def _update(network: str, verb: str, what: str) -> Command:
    return on_host("virsh", "net-update", network, verb, "ip-dhcp-range", what, "--live")


def _is_exhausted(scene: Scene, target: Target) -> bool:
    nic, network = nic_of(scene, target), _network(scene, target)
    if nic is None or network is None or scene.addresses(nic):
        return False
    return 0 < network.address_count <= len(_others(scene, nic))


dhcp_exhausted = Fault(
    name="dhcp-exhausted",
    about="The network's DHCP range is so small that all of its addresses are given out.",
    difficulty="hard",
    needs="two guests, and no more, with addresses in a network that serves DHCP",
    # dnsmasq does not start with fewer addresses than leases, and libvirt adds one range at a time
    targets=lambda scene: [_named(scene, nic) for nic in _served(scene) if len(_others(scene, nic)) == 1],
    recipe=_exhaust,
    is_there=_is_exhausted,
)


def _stoppable(scene: Scene) -> list[Target]:
    """Return NICs in networks with a bridge of libvirt's own."""
    return [_named(scene, nic) for nic in _served(scene) if nic.bridge]


def _stop(scene: Scene, target: Target, *, autostart: bool) -> Recipe:
    """Stop a network; at its next start the taps have to be plugged in again by hand."""
    nic, network = known_nic(scene, target), _known(scene, target)
    name = network.name
    switch: dict[bool, tuple[str, ...]] = {
        True: ("virsh", "net-autostart", name),
        False: ("virsh", "net-autostart", name, "--disable"),
    }
    plug = [
        on_host("ip", "link", "set", "dev", other.tap, "master", other.bridge)
        for other in scene.on_bridge(nic.bridge)
        if other.tap
    ]
    return Recipe(
        breaks=(on_host(*switch[autostart]), on_host("virsh", "net-destroy", name)),
        mends=(on_host("virsh", "net-start", name), *plug, on_host(*switch[network.autostarts])),
        symptom=Symptom(
            complaint=f"{nic.domain} has an address, but reaches nobody.",
            source=nic.domain,
            target=neighbor_of(scene, nic),
        ),
    )


def _is_stopped(scene: Scene, target: Target, *, autostart: bool) -> bool:
    network = _network(scene, target)
    return network is not None and not network.facts.is_active and network.autostarts is autostart


network_inactive = Fault(
    name="network-inactive",
    about="Somebody stopped the guest's libvirt network.",
    difficulty="easy",
    needs="a guest in a libvirt network that serves DHCP",
    targets=_stoppable,
    recipe=lambda scene, target: _stop(scene, target, autostart=True),
    is_there=lambda scene, target: _is_stopped(scene, target, autostart=True),
)

network_not_autostarted = Fault(
    name="network-not-autostarted",
    about="The guest's libvirt network was not started again, for it is not started with the host.",
    difficulty="medium",
    needs="a guest in a libvirt network that serves DHCP",
    targets=_stoppable,
    recipe=lambda scene, target: _stop(scene, target, autostart=False),
    is_there=lambda scene, target: _is_stopped(scene, target, autostart=False),
)

FAULTS = (dnsmasq_dead, dhcp_exhausted, network_inactive, network_not_autostarted)
