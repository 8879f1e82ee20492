"""Networks: verbs with libvirt's test driver; bridges and leases in a lab."""

import sys
from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import InUseError, LibvirtError, Timeout
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation
from kvmlab.virt.connection import Connection
from kvmlab.virt.network import Network

BLUE = NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
RESERVATION = Reservation(mac="52:54:00:00:00:01", name="vm1", address="192.168.50.11")


@pytest.fixture
def network() -> Iterator[Network]:
    connection = Connection("test:///default")
    connection.vir.networkDefineXML(BLUE.to_xml())
    yield Network(connection, "blue")
    for left in connection.vir.listAllNetworks():
        if left.name() == "blue":
            left.destroy()
            left.undefine()
    connection.close()


def test_it_shows_name_state_and_bridge(network: Network) -> None:
    assert repr(network) == "Network('blue', inactive, bridge 'virbr-blue')"
    assert (network.bridge, network.forward, network.is_active) == ("virbr-blue", "nat", False)


def test_it_is_started_destroyed_and_undefined(network: Network) -> None:
    assert network.start() is network
    assert network.is_active

    network.destroy()
    assert not network.is_active

    network.undefine()
    with pytest.raises(LibvirtError, match="network 'blue'") as caught:
        network.xml()
    assert "virsh net-list --all" in caught.value.hint


def test_starting_it_twice_is_refused_by_libvirt(network: Network) -> None:
    network.start()

    with pytest.raises(LibvirtError, match="cannot start network 'blue'"):
        network.start()


@pytest.mark.parametrize("active", [False, True])
def test_a_reservation_is_made_and_taken_back(network: Network, *, active: bool) -> None:
    if active:
        network.start()

    network.reserve(RESERVATION)
    assert network.reservations() == (RESERVATION,)

    network.release(RESERVATION)
    assert network.reservations() == ()


def test_an_address_is_reserved_once(network: Network) -> None:
    network.reserve(RESERVATION)

    with pytest.raises(LibvirtError, match=r"cannot reserve 192.168.50.11 in network 'blue'"):
        network.reserve(RESERVATION)


def test_an_isolated_network_forwards_nothing(network: Network) -> None:
    vir = network.vir.connect().networkDefineXML(NetworkSpec(name="island").to_xml())
    island = Network(network._connection, "island")

    assert island.forward == ""
    vir.undefine()


#: A guest with a NIC in the network and one in its bridge; beside it one of another network's.
PLUGGED = """\
<domain type='test'><name>plugged</name><memory>8192</memory><os><type>hvm</type></os><devices>
<interface type='network'><source network='blue'/><mac address='52:54:00:00:00:01'/></interface>
<interface type='bridge'><source bridge='virbr-blue'/><mac address='52:54:00:00:00:02'/></interface>
<interface type='network'><source network='default'/><mac address='52:54:00:00:00:03'/></interface>
</devices></domain>
"""


@pytest.fixture
def plugged(network: Network) -> Iterator[Network]:
    """The network, started, with a guest plugged into it."""
    network.start()
    guest = network.vir.connect().createXML(PLUGGED)
    yield network
    guest.destroy()


@pytest.mark.parametrize("verb", ["destroy", "undefine"])
def test_a_network_with_guests_is_not_taken_away(plugged: Network, verb: str) -> None:
    with pytest.raises(
        InUseError, match=f"cannot {verb} network 'blue': plugged into it is plugged"
    ) as caught:
        getattr(plugged, verb)()

    assert caught.value.users == ("plugged",)
    assert f"{verb}(force=True)" in caught.value.hint
    assert plugged.is_active


def test_by_force_it_is_said_who_lost_the_link(plugged: Network) -> None:
    lost = plugged.destroy(force=True)

    assert [(nic.domain, nic.mac) for nic in lost] == [
        ("plugged", "52:54:00:00:00:01"),
        ("plugged", "52:54:00:00:00:02"),
    ]
    assert not plugged.is_active


def test_a_network_that_is_not_active_cuts_nobody_off(plugged: Network) -> None:
    plugged.destroy(force=True)

    assert list(plugged.undefine()) == []


def test_a_bridge_of_the_host_stays_when_its_network_goes(plugged: Network) -> None:
    vir = plugged.vir.connect()
    vir.networkDefineXML(NetworkSpec(name="lan", forward="bridge", bridge="virbr-blue").to_xml()).create()
    lan = Network(plugged._connection, "lan")

    lost = lan.destroy()

    lan.undefine()
    assert list(lost) == []


# ------------------------------------------------------------------ a real libvirt

#: Joins a network with a veth whose other end is in a namespace of its own, and asks it for a lease.
JOIN = """
set -e
ip netns add client
ip link add veth0 type veth peer name eth0 address 52:54:00:00:00:01 netns client
ip link set veth0 master virbr-blue up
ip -n client link set eth0 up
"""
ASK = """
import socket, struct
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
client.bind(("", 68))
client.settimeout(10)
mac = bytes.fromhex("525400000001")
def say(kind, *options):
    head = struct.pack("!BBBBIHH16x6s10x64x128x", 1, 1, 6, 0, 7, 0, 0x8000, mac)
    body = bytes.fromhex("63825363") + bytes([53, 1, kind, *options, 255])
    client.sendto(head + body, ("255.255.255.255", 67))
    return client.recv(4096)
offer = say(1)
print(socket.inet_ntoa(say(3, 50, 4, *offer[16:20], 12, 3, *b"vm1")[16:20]))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("virt-net", progress=Silent()) as lab:
        yield lab


@pytest.mark.host
def test_a_started_network_has_a_bridge_leases_and_rules(lab: kl.Lab) -> None:
    network = lab.define(BLUE)
    network.reserve(RESERVATION)
    network.start()
    lab.host.run(["sh", "-c", JOIN])

    with pytest.raises(Timeout, match="got no lease in network 'blue'"):
        network.wait_for_lease(RESERVATION.mac, timeout_s=0.2)
    got = lab.host.run(["ip", "netns", "exec", "client", sys.executable, "-c", ASK]).stdout.strip()
    lease = network.wait_for_lease(RESERVATION.mac)

    assert got == RESERVATION.address
    assert (lease.address, lease.hostname) == (f"{RESERVATION.address}/24", "vm1")
    assert list(network.leases()) == [lease]
    bridge = lab.network_state(["host"])["host"].link("virbr-blue")
    assert bridge is not None
    assert bridge.is_up
    assert any(rule.chain.startswith("LIBVIRT") or "libvirt" in rule.table for rule in lab.firewall_rules())

    network.destroy()
    assert lab.network_state(["host"])["host"].link("virbr-blue") is None
    with pytest.raises(LibvirtError, match="cannot destroy network 'blue'"):
        network.destroy()
    network.undefine()
