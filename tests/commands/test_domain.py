"""Every command that is shown for a domain and its NICs does what it says, with a real guest."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab.commands import Explanation, explain
from kvmlab.commands.domain import explain_interface
from kvmlab.errors import GuestError
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation
from kvmlab.virt.domain import Domain
from tests.commands.stations import in_time
from tests.commands.typing_in import by_hand, type_all, type_in

pytestmark = pytest.mark.vm

MAC = "52:54:00:00:00:77"
HAND = NetworkSpec(name="hand", subnet="192.168.71.0/24", forward="nat", domain="hand.example")


@pytest.fixture(scope="module")
def blue(lab: kl.Lab) -> Iterator[NetworkSpec]:
    """A network that libvirt has."""
    spec = NetworkSpec(name="blue", subnet="192.168.70.0/24", forward="nat")
    network = lab.define(spec)
    network.start()
    yield spec
    network.destroy()
    network.undefine()


@pytest.fixture(scope="module")
def explained(lab: kl.Lab, blue: NetworkSpec) -> Explanation:
    """What is shown for a domain that is not there any more."""
    guest = lab.define(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(network=blue.name),)))
    found = explain(guest)
    guest.undefine()
    return found


@pytest.fixture(scope="module")
def guest(lab: kl.Lab, explained: Explanation) -> Iterator[Domain]:
    """The guest that the commands defined and started."""
    for command in explained.commands[:2]:
        type_in(lab, command)
    found = lab.domain("vm1")
    assert in_time(lambda: answers(found))
    found.wait_until_ready()
    yield found
    found.destroy()
    found.undefine()


def answers(guest: Domain) -> bool:
    """Whether the agent of a guest that boots answers already."""
    try:
        return len(guest.links()) > 0
    except GuestError:
        return False


def test_a_domain_is_defined_and_started(guest: Domain, lab: kl.Lab) -> None:
    assert lab.host.run(["virsh", "domstate", "vm1"]).stdout.strip() == "running"


def test_its_taps_and_addresses_and_its_qemu_are_shown(
    guest: Domain, lab: kl.Lab, explained: Explanation
) -> None:
    nics, native, lease, agent = (type_in(lab, command).stdout for command in explained.commands[2:])

    assert nics.splitlines()[2].split() == ["vnet0", "network", "blue", "virtio", guest.links()[0].mac]
    assert "qemu-system-x86_64" in native
    assert guest.links()[0].mac in native
    assert guest.address in lease
    assert guest.address in agent


@pytest.mark.parametrize(
    "spec",
    [
        kl.InterfaceSpec(network="blue"),
        kl.InterfaceSpec(network="blue", model="e1000", mac=MAC, target="tap-typed"),
        kl.InterfaceSpec(network="blue", mtu=1400),
        kl.InterfaceSpec(network="blue", isolated=True),
    ],
    ids=["plain", "with names", "with an mtu", "isolated"],
)
def test_a_nic_is_plugged_in(spec: kl.InterfaceSpec, guest: Domain, lab: kl.Lab) -> None:
    before = {link.mac for link in guest.links()}

    shown = type_all(lab, explain_interface(guest.name, spec))

    assert in_time(lambda: len(guest.links()) == len(before) + 1)
    (new,) = [nic for nic in guest.nics() if nic.mac not in before]
    assert (new.model, new.network) == (spec.model, "blue")
    assert new.tap in shown
    assert spec.mac in (None, new.mac)
    assert spec.target in (None, new.tap)
    port = lab.network_state(["host"])["host"].link(new.tap)
    assert port is not None
    assert (port.mtu, port.is_isolated) == (spec.mtu or 1500, spec.isolated)
    lab.host.run(["virsh", "detach-interface", guest.name, "network", "--mac", new.mac, "--live"])
    assert in_time(lambda: {link.mac for link in guest.links()} == before)


def test_a_guest_gets_its_address_and_name_in_a_network_by_hand(guest: Domain, lab: kl.Lab) -> None:
    reserved = Reservation(mac=MAC, name="printer", address="192.168.71.77")
    nic = kl.InterfaceSpec(bridge=HAND.bridge_name, model="rtl8139", mac=MAC)

    with by_hand(lab, HAND, reservations=[reserved]):
        shown = type_all(lab, explain_interface(guest.name, nic))

        assert HAND.bridge_name in shown
        assert in_time(lambda: any(link.mac == MAC and link.ipv4 for link in guest.links()))
        (link,) = [link for link in guest.links() if link.mac == MAC]
        assert link.ipv4 == reserved.address
        asked = ["dig", "+short", "@192.168.71.1", "printer.hand.example"]
        assert guest.run(asked).stdout == f"{reserved.address}\n"
        assert guest.run(["ping", "-c", "1", "-I", link.name, "8.8.8.8"]).returncode == 0
        lab.host.run(["virsh", "detach-interface", guest.name, "bridge", "--mac", MAC, "--live"])
        assert in_time(lambda: MAC not in {link.mac for link in guest.links()})
