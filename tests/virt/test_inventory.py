"""What a libvirt has, read from its XML and from libvirt's own test driver."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation
from kvmlab.virt import inventory
from kvmlab.virt.connection import Connection

VM1 = Reservation(mac="52:54:00:00:00:01", name="vm1", address="192.168.50.11")

DOMAIN = """
<domain type="test">
  <name>vm1</name><memory>65536</memory><os><type>hvm</type></os>
  <devices>
    <interface type="network"><mac address="52:54:00:00:00:01"/><source network="blue"/></interface>
    <interface type="network"><mac address="52:54:00:00:00:02"/><source network="blue"/></interface>
  </devices>
</domain>
"""


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A libvirt with one domain and network of its own, and what is defined here."""
    one = Connection("test:///default")
    blue = NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")
    defined = [one.vir.networkDefineXML(blue.to_xml(reservations=[VM1])), one.vir.defineXML(DOMAIN)]
    yield one
    for each in defined:
        each.undefine()
    one.close()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat"),
            ("virbr-blue", "nat", ["192.168.50.0/24"], "192.168.50.0/24"),
        ),
        (
            NetworkSpec(name="dual", subnet="10.0.0.0/16", subnet6="fd00:50::/64", forward="route"),
            ("virbr-dual", "route", ["10.0.0.0/16", "fd00:50::/64"], "10.0.0.0/16"),
        ),
        (
            NetworkSpec(name="quiet", subnet="10.0.0.0/24", dhcp=False),
            ("virbr-quiet", "", ["10.0.0.0/24"], None),
        ),
        (NetworkSpec(name="lan", forward="bridge", bridge="br0"), ("br0", "bridge", [], None)),
        (NetworkSpec(name="private"), ("virbr-private", "", [], None)),
    ],
    ids=lambda value: value.name if isinstance(value, NetworkSpec) else "",
)
def test_what_a_description_prints_is_read_back(
    spec: NetworkSpec, expected: tuple[str, str, list[str], str | None]
) -> None:
    facts = inventory.network_facts(spec.to_xml(), is_active=False)

    dhcp = None if facts.dhcp_subnet is None else str(facts.dhcp_subnet)
    assert (facts.name, facts.is_active) == (spec.name, False)
    assert (facts.bridge, facts.forward, [str(subnet) for subnet in facts.subnets], dhcp) == expected


@pytest.mark.parametrize(
    ("attributes", "subnet"),
    [
        ('address="10.0.0.1" netmask="255.255.0.0"', "10.0.0.0/16"),
        ('address="10.0.0.1" prefix="20"', "10.0.0.0/20"),
        ('address="10.0.0.1"', "10.0.0.0/8"),
        ('address="192.168.3.1"', "192.168.3.0/24"),
        ('address="172.16.3.1"', "172.16.0.0/16"),
        ('family="ipv6" address="fd00::1" prefix="64"', "fd00::/64"),
        ('family="ipv6" address="fd00::1"', "fd00::/64"),
    ],
)
def test_a_subnet_is_read_in_every_way_that_libvirt_writes_it(attributes: str, subnet: str) -> None:
    facts = inventory.network_facts(f"<network><name>n</name><ip {attributes}/></network>", is_active=True)

    assert facts.subnets == (ip_network(subnet),)


def test_a_forward_element_without_mode_is_nat() -> None:
    facts = inventory.network_facts("<network><name>n</name><forward/></network>", is_active=True)

    assert facts.forward == "nat"


def test_networks_are_found_by_name(connection: Connection) -> None:
    found = inventory.networks(connection)

    assert set(found) == {"default", "blue"}
    assert (found["default"].is_active, found["blue"].is_active) == (True, False)
    assert found["blue"].reservations == (VM1,)


def test_a_reservation_by_name_only_is_left_out() -> None:
    xml = '<network><ip address="10.0.0.1"><dhcp><host name="x" ip="10.0.0.2"/></dhcp></ip></network>'

    assert inventory.network_facts(xml, is_active=False).reservations == ()


def test_mac_addresses_are_found_by_domain(connection: Connection) -> None:
    found = inventory.domain_macs(connection)

    assert found["vm1"] == ["52:54:00:00:00:01", "52:54:00:00:00:02"]
    assert set(found) == {"test", "vm1"}


def test_reservations_are_found_by_mac_address(connection: Connection) -> None:
    assert inventory.reservations_of(connection, ["52:54:00:00:00:01"]) == [("blue", VM1)]
    assert inventory.reservations_of(connection, ["52:54:00:00:00:09"]) == []
    assert inventory.reservations_of(connection, []) == []
