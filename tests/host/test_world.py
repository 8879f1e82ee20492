"""The table of the world is free of contradictions."""

from collections import Counter
from ipaddress import ip_address, ip_interface, ip_network
from itertools import combinations

import pytest

from kvmlab.host import world

LAN = [ip_network(world.LAN_SUBNET), ip_network(world.LAN_SUBNET6)]
PROVIDER = [ip_network(world.PROVIDER_SUBNET), ip_network(world.PROVIDER_SUBNET6)]


def all_addresses() -> list[str]:
    on_nics = [address for nic in world.NICS for address in nic.addresses]
    return [*on_nics, *world.PROVIDER_ADDRESSES, *world.SERVER_ADDRESSES]


def test_no_address_occurs_twice() -> None:
    counts = Counter(address.split("/")[0] for address in all_addresses())

    assert [address for address, count in counts.items() if count > 1] == []


def test_no_mac_address_occurs_twice() -> None:
    macs = [mac for nic in world.NICS for mac in (nic.mac, nic.peer_mac)] + [world.SWITCH_MAC]

    assert len(set(macs)) == len(macs)


def test_every_mac_address_is_unicast_and_locally_administered() -> None:
    for nic in world.NICS:
        assert int(nic.mac[:2], 16) & 0b11 == 0b10
        assert int(nic.peer_mac[:2], 16) & 0b11 == 0b10


@pytest.mark.parametrize("nic", world.NICS, ids=lambda nic: f"{nic.host}-{nic.name}")
def test_a_nic_has_addresses_of_the_network_that_it_is_on(nic: world.Nic) -> None:
    subnets = LAN if nic.peer[0] == "switch" else PROVIDER

    assert {ip_interface(address).network for address in nic.addresses} <= set(subnets)


def test_each_port_of_the_switch_has_one_cable() -> None:
    ports = [nic.peer for nic in world.NICS]

    assert len(set(ports)) == len(ports)


def test_subnets_do_not_overlap() -> None:
    for one, other in combinations([*LAN, *PROVIDER], 2):
        assert one.version != other.version or not one.overlaps(other)


def test_dhcp_gives_out_no_address_that_is_set_by_hand() -> None:
    first, last = map(ip_address, world.LAN_DHCP_RANGE)

    fixed = [ip_interface(address).ip for address in all_addresses() if "." in address]
    assert [str(address) for address in fixed if first <= address <= last] == []
    assert {first in LAN[0], last in LAN[0]} == {True}


def test_every_route_leads_over_an_address_of_the_world() -> None:
    known = {address.split("/")[0] for address in all_addresses()}

    assert [route for route in world.ROUTES if route[2] and route[2] not in known] == []


def test_the_names_of_the_internet_lead_to_its_servers() -> None:
    servers = {address.split("/")[0] for address in world.SERVER_ADDRESSES}

    assert {address for pair in world.INTERNET_NAMES.values() for address in pair} <= servers


def test_every_place_is_an_address_of_the_world_and_says_what_it_is_for() -> None:
    for place in world.places():
        assert place.address in all_addresses()
        assert place.role


def test_every_host_that_runs_something_is_a_host_of_the_world() -> None:
    hosts = {service.host for service in world.services()} | set(world.WEB_HOSTS) | set(world.SYSCTLS)

    assert hosts <= set(world.HOSTS)
