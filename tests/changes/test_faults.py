"""What cannot be is refused with the object and the remedy, and the lab is as before."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import CommandError, GuestError, InUseError, LibvirtError, SpecError
from tests.changes.everything import everything, refused

pytestmark = pytest.mark.host

SUBNET = "192.168.50.0/24"
BLUE = kl.NetworkSpec(name="blue", subnet=SUBNET, forward="nat")


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    """A lab that all tests together leave as they found it."""
    with kl.Lab.start("faults", progress=Silent()) as lab:
        lab.host.run(["ip", "address", "add", "10.9.0.1/24", "dev", "enp2s0"])
        lab.host.run(["ip", "route", "add", "10.77.0.0/16", "via", "192.168.1.20"])
        lab.define(BLUE).start().destroy()  # libvirt's own chains, which stay
        lab.network("blue").undefine()
        before = everything(lab)

        yield lab

        assert everything(lab) == before


@pytest.fixture
def blue(lab: kl.Lab) -> Iterator[kl.NetworkSpec]:
    """A NAT network that is started."""
    network = lab.define(BLUE)
    network.start()
    yield BLUE
    network.destroy()
    network.undefine()


# ------------------------------------------------------------------ bridges


def test_an_uplink_that_is_in_another_bridge_is_refused(lab: kl.Lab) -> None:
    with (
        kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp1s0")),
        refused(lab, SpecError, "'enp1s0' is a port of bridge 'br0' already", hint="one bridge only"),
    ):
        kl.make_bridge(lab, kl.BridgeSpec(name="br1", uplink="enp1s0"))


def test_every_route_through_an_uplink_is_kept_by_its_bridge(lab: kl.Lab) -> None:
    before = lab.network_state(["host"])["host"].routes

    with kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp1s0")):
        after = lab.network_state(["host"])["host"].routes

    def through(link: str, routes: tuple[object, ...]) -> set[tuple[str, str]]:
        return {(r.destination, r.gateway) for r in routes if r.link == link}  # type: ignore[attr-defined]

    assert ("10.77.0.0/16", "192.168.1.20") in through("enp1s0", before)
    assert through("br0", after) == through("enp1s0", before)


@pytest.mark.parametrize(
    ("name", "uplink", "message"),
    [
        ("br0", "lo", "'lo' is a loopback link"),
        ("br0", "eth9", "the host has no link 'eth9'"),
        ("enp2s0", None, "a link of that name already"),
    ],
)
def test_what_cannot_be_bridged_is_refused(lab: kl.Lab, name: str, uplink: str, message: str) -> None:
    with refused(lab, SpecError, message, hint="name" if uplink != "eth9" else "its uplinks are: enp1s0"):
        kl.make_bridge(lab, kl.BridgeSpec(name=name, uplink=uplink))


def test_a_bridge_is_no_uplink_of_another(lab: kl.Lab) -> None:
    with (
        kl.make_bridge(lab, kl.BridgeSpec(name="br0")),
        refused(lab, SpecError, "'br0' is a bridge link", hint="veth pair"),
    ):
        kl.make_bridge(lab, kl.BridgeSpec(name="br1", uplink="br0"))


def test_an_uplink_in_direct_mode_is_not_bridged(lab: kl.Lab) -> None:
    lab.host.run(["ip", "link", "add", "link", "enp2s0", "name", "mv0", "type", "macvlan", "mode", "bridge"])
    try:
        with refused(lab, SpecError, "'enp2s0' carries mv0", hint="another link"):
            kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp2s0"))
    finally:
        lab.host.run(["ip", "link", "delete", "dev", "mv0"])


def test_a_bridge_without_uplink_is_made_but_is_no_place_for_bridged_guests(lab: kl.Lab) -> None:
    lan = kl.NetworkSpec(name="lan", forward="bridge", bridge="br0")
    with (
        kl.make_bridge(lab, kl.BridgeSpec(name="br0")),
        refused(lab, SpecError, "bridge 'br0' has no uplink", hint="ip link set dev LINK master br0"),
    ):
        lab.define(lan)
    with kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp2s0")):
        lab.define(lan).undefine()


@pytest.mark.parametrize(
    ("bridge", "message", "hint"),
    [
        ("br7", "the host has no bridge 'br7'", "make_bridge"),
        ("enp2s0", "'enp2s0' of the host is a veth link", "Direct"),
    ],
)
def test_a_network_on_what_is_no_bridge_is_refused(lab: kl.Lab, bridge: str, message: str, hint: str) -> None:
    with refused(lab, SpecError, message, hint=hint):
        lab.define(kl.NetworkSpec(name="lan", forward="bridge", bridge=bridge))


def test_the_name_that_a_network_has_for_its_bridge_is_taken(lab: kl.Lab) -> None:
    network = lab.define(BLUE)
    try:
        with refused(lab, SpecError, "network 'blue' makes a bridge of that name", hint="another name"):
            kl.make_bridge(lab, kl.BridgeSpec(name="virbr-blue"))
    finally:
        network.undefine()


# ------------------------------------------------------------------ names and subnets


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        (kl.NetworkSpec(name="red", bridge="virbr-blue"), "belongs to network 'blue'", "another bridge"),
        (kl.NetworkSpec(name="red", bridge="enp2s0"), "is taken by a link of the host", "another bridge"),
        (kl.NetworkSpec(name="red", subnet="192.168.50.64/26"), "of network 'blue'", "another subnet"),
        (kl.NetworkSpec(name="red", subnet="192.168.1.128/25"), "of the LAN", "another subnet"),
        (kl.NetworkSpec(name="red", subnet="10.9.0.0/16"), "10.9.0.0/24 of the host's link 'enp2s0'", ""),
        (kl.NetworkSpec(name="red", subnet="10.77.5.0/24"), "10.77.0.0/16 of the host's link 'enp1s0'", ""),
    ],
    ids=["bridge", "link", "subnet", "LAN", "host's address", "host's route"],
)
@pytest.mark.usefixtures("blue")
def test_a_network_that_clashes_is_refused(
    lab: kl.Lab, spec: kl.NetworkSpec, message: str, hint: str
) -> None:
    with refused(lab, SpecError, message, hint=hint):
        lab.define(spec)


def test_a_subnet_that_the_host_got_meanwhile_is_named_at_the_start(lab: kl.Lab) -> None:
    network = lab.define(kl.NetworkSpec(name="red", subnet="10.8.0.0/24"))
    lab.host.run(["ip", "address", "add", "10.8.0.9/24", "dev", "enp2s0"])
    try:
        with refused(lab, LibvirtError, "already in use by interface enp2s0", hint="'enp2s0' is in that"):
            network.start()
    finally:
        lab.host.run(["ip", "address", "delete", "10.8.0.9/24", "dev", "enp2s0"])
        network.undefine()


# ------------------------------------------------------------------ routes and ports


def test_a_route_that_the_router_has_is_refused_and_none_is_half_made(lab: kl.Lab) -> None:
    both = kl.NetworkSpec(name="far", subnet="10.5.0.0/24", subnet6="fd00:5::/64", forward="route")
    only6 = kl.NetworkSpec(name="far6", subnet6="fd00:5::/64", forward="route")
    (change,) = kl.add_routes(lab, only6)

    with refused(lab, SpecError, "a route to fd00:5::/64 already, via 2001:db8:1::10", hint="remove()"):
        kl.add_routes(lab, both)

    change.remove()


def test_a_network_without_subnet_has_no_route(lab: kl.Lab) -> None:
    with refused(lab, SpecError, "network 'private' has no subnet", hint="subnet="):
        kl.add_routes(lab, kl.NetworkSpec(name="private"))


def test_a_port_leads_nowhere_in_a_network_that_is_not_started(lab: kl.Lab) -> None:
    network = lab.define(BLUE)
    forward = kl.PortForward(port=2222, address="192.168.50.9", guest_port=22)
    try:
        with refused(lab, SpecError, "network 'blue' is not started", hint="start() first"):
            kl.forward_port(lab, BLUE, forward)
    finally:
        network.undefine()


def test_a_port_leads_to_one_guest_only(lab: kl.Lab, blue: kl.NetworkSpec) -> None:
    change = kl.forward_port(lab, blue, kl.PortForward(port=2222, address="192.168.50.9", guest_port=22))

    with refused(lab, SpecError, "tcp port 2222 of the host leads somewhere already", hint="another port"):
        kl.forward_port(lab, blue, kl.PortForward(port=2222, address="192.168.50.8", guest_port=22))

    change.remove()


def test_what_was_taken_back_by_hand_is_no_reason_to_leave_the_rest(lab: kl.Lab) -> None:
    change = kl.make_bridge(lab, kl.BridgeSpec(name="br0", uplink="enp1s0"))
    lab.host.run(["ip", "address", "delete", "192.168.1.10/24", "dev", "br0"])

    with pytest.raises(CommandError, match="ip address delete"):
        change.remove()


# ------------------------------------------------------------------ what the machine does not give


@pytest.mark.user
@pytest.mark.parametrize("mode", ["bridge", "passthrough"])
def test_macvtap_without_root_is_refused_with_the_way_round(lab: kl.Lab, mode: str) -> None:
    nic = kl.InterfaceSpec(source=kl.Direct(dev="enp1s0", mode=mode))

    with refused(lab, SpecError, f"macvtap on 'enp1s0' .mode {mode}. needs", hint="direct_nic(lab, 'vm1'"):
        lab.define(kl.DomainSpec(name="vm1", interfaces=(nic,)))


def test_a_pci_device_that_the_machine_does_not_have_is_refused(lab: kl.Lab) -> None:
    device = kl.PciDevice(address="ffff:ff:1f.7")
    with refused(lab, SpecError, "'vm1': PCI device ffff:ff:1f.7 is no network card", hint="its cards are"):
        lab.define(kl.DomainSpec(name="vm1", hostdevs=(device,)))
    with refused(lab, SpecError, "'vfs': PCI device ffff:ff:1f.7 is no network card", hint="its cards are"):
        lab.define(kl.PciPoolSpec(name="vfs", addresses=(device.address,)))


@pytest.mark.vm
@pytest.mark.parametrize(
    ("nic", "message", "hint"),
    [
        (kl.InterfaceSpec(bridge="br7"), "Cannot get interface MTU on 'br7'", "the host has no bridge 'br7'"),
        (kl.InterfaceSpec(source=kl.Tap(name="tap7")), "specified dev doesn't exist", "ip tuntap add"),
    ],
    ids=["bridge", "tap"],
)
def test_a_guest_on_what_the_host_does_not_have_is_not_started(
    lab: kl.Lab, nic: kl.InterfaceSpec, message: str, hint: str
) -> None:
    guest = lab.define(kl.DomainSpec(name="vm1", interfaces=(nic,)))
    try:
        with refused(lab, LibvirtError, message, hint=hint):
            guest.start(progress=Silent(), instant=False)
    finally:
        guest.undefine()


# ------------------------------------------------------------------ networks and their guests


@pytest.mark.vm
def test_a_guest_on_a_stopped_network_starts_it_only_when_asked(lab: kl.Lab) -> None:
    network = lab.define(BLUE)
    guest = lab.define(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(network="blue"),)))
    try:
        for instant in (True, False):
            with refused(lab, GuestError, "'vm1': its network 'blue' is not started", hint="networks=True"):
                guest.start(instant=instant, progress=Silent())

        guest.start(networks=True, progress=Silent()).wait_until_ready()

        assert network.is_active
        check_deletion(lab, guest.name)
    finally:
        guest.destroy()
        guest.undefine()
        network.undefine()


def check_deletion(lab: kl.Lab, name: str) -> None:
    """A network with a guest is taken away only by force; then it is said who lost the link."""
    network, guest = lab.network("blue"), lab.domain(name)
    for verb in ("destroy", "undefine"):
        with refused(lab, InUseError, f"cannot {verb} network 'blue'.* {name}", hint="force=True"):
            getattr(network, verb)()

    (lost,) = network.destroy(force=True)

    assert (lost.domain, lost.mac, lost.tap) == (name, guest.nics()[0].mac, guest.nics()[0].tap)
    assert list(network.attached()) == [lost]
    network.start()
    lab.host.run(["ip", "link", "set", "dev", lost.tap, "master", "virbr-blue"])
    assert kl.ping(lab.host, guest.address, count=2).loss < 1
    network.destroy(force=True)


@pytest.mark.vm
def test_a_network_that_was_started_for_a_guest_that_fails_is_stopped_again(lab: kl.Lab) -> None:
    network = lab.define(BLUE)
    nics = (kl.InterfaceSpec(network="blue"), kl.InterfaceSpec(bridge="br7"))
    guest = lab.define(kl.DomainSpec(name="vm1", interfaces=nics))
    try:
        with refused(lab, LibvirtError, "'br7'", hint="'br7'"):
            guest.start(networks=True, instant=False, progress=Silent())
    finally:
        guest.undefine()
        network.undefine()
