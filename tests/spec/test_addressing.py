"""Addresses follow from names, and clashes are refused."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec import addressing
from kvmlab.spec._checks import check_mac
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import InterfaceSpec

SUBNET = IPv4Network("192.168.50.0/24")
SMALL = IPv4Network("192.168.50.0/29")
MAC = "52:54:00:00:00:01"


def vm1(*interfaces: InterfaceSpec) -> DomainSpec:
    return DomainSpec(name="vm1", interfaces=interfaces)


def test_a_mac_address_follows_from_lab_domain_and_index() -> None:
    macs = {addressing.mac_for(lab, d, i) for lab in ("a", "b") for d in ("vm1", "vm2") for i in (0, 1)}

    assert addressing.mac_for("a", "vm1", 0) == addressing.mac_for("a", "vm1", 0)
    assert len(macs) == 8
    for mac in macs:
        check_mac(mac)


def test_an_address_follows_from_the_mac_address() -> None:
    first = addressing.address_for(SUBNET, MAC, ())

    assert first == addressing.address_for(SUBNET, MAC, ())
    assert first != addressing.address_for(SUBNET, "52:54:00:00:00:02", ())


def test_every_address_of_a_small_subnet_is_found_and_never_the_hosts() -> None:
    taken: list[str] = []
    for _ in range(5):
        taken.append(addressing.address_for(SMALL, MAC, taken))

    assert sorted(taken) == [f"192.168.50.{n}" for n in range(2, 7)]


def test_a_full_subnet_is_refused() -> None:
    taken = [f"192.168.50.{n}" for n in range(2, 7)]

    with pytest.raises(SpecError, match=r"subnet 192\.168\.50\.0/29 has no free address"):
        addressing.address_for(SMALL, MAC, taken)


def test_a_mac_address_of_another_domain_is_refused_by_both_names() -> None:
    spec = vm1(InterfaceSpec(network="blue", mac=MAC))

    with pytest.raises(SpecError, match=f"domain 'vm1': MAC address {MAC} belongs to domain 'vm2'"):
        addressing.check_macs(spec, {"vm2": ["52:54:00:00:00:02", MAC]})


def test_other_mac_addresses_are_accepted() -> None:
    addressing.check_macs(vm1(InterfaceSpec(network="blue", mac=MAC)), {"vm2": ["52:54:00:00:00:02"]})


def test_reservations_have_the_address_asked_for_and_distinct_names() -> None:
    nic = InterfaceSpec(network="blue", mac=MAC, address="192.168.50.10")
    spec = vm1(nic, replace(nic, mac="52:54:00:00:00:02", address=None), InterfaceSpec(bridge="br0"))

    found = addressing.reservations_for(spec, {"blue": SUBNET}, taken={})

    assert [network for network, _ in found] == ["blue", "blue"]
    assert found[0][1].address == "192.168.50.10"
    assert found[1][1].address != "192.168.50.10"
    assert [reservation.name for _, reservation in found] == ["vm1", "vm1-nic1"]


def test_a_taken_address_is_refused() -> None:
    spec = vm1(InterfaceSpec(network="blue", mac=MAC, address="192.168.50.10"))

    with pytest.raises(SpecError, match=r"domain 'vm1': address 192\.168\.50\.10 is taken in network 'blue'"):
        addressing.reservations_for(spec, {"blue": SUBNET}, taken={"blue": ["192.168.50.10"]})
