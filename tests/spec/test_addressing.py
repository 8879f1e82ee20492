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
MAC = "52:54:00:00:00:01"


def vm1(*interfaces: InterfaceSpec) -> DomainSpec:
    return DomainSpec(name="vm1", interfaces=interfaces)


def test_a_mac_address_follows_from_lab_domain_and_index() -> None:
    macs = {addressing.mac_for(lab, d, i) for lab in ("a", "b") for d in ("vm1", "vm2") for i in (0, 1)}

    assert addressing.mac_for("a", "vm1", 0) == addressing.mac_for("a", "vm1", 0)
    assert len(macs) == 8
    for mac in macs:
        check_mac(mac)


def test_a_mac_address_of_another_domain_is_refused_by_both_names() -> None:
    spec = vm1(InterfaceSpec(network="blue", mac=MAC))

    with pytest.raises(SpecError, match=f"domain 'vm1': MAC address {MAC} belongs to domain 'vm2'"):
        addressing.check_macs(spec, {"vm2": ["52:54:00:00:00:02", MAC]})


def test_other_mac_addresses_are_accepted() -> None:
    addressing.check_macs(vm1(InterfaceSpec(network="blue", mac=MAC)), {"vm2": ["52:54:00:00:00:02"]})


def test_addresses_that_are_asked_for_are_reserved_under_distinct_names() -> None:
    nic = InterfaceSpec(network="blue", mac=MAC, address="192.168.50.10")
    spec = vm1(nic, replace(nic, mac="52:54:00:00:00:02", address="192.168.50.11"))

    found = addressing.reservations_for(spec, {"blue": SUBNET}, taken={})

    assert [(network, r.name, r.address) for network, r in found] == [
        ("blue", "vm1", "192.168.50.10"),
        ("blue", "vm1-nic1", "192.168.50.11"),
    ]


def test_nothing_is_reserved_for_a_nic_that_asks_for_no_address() -> None:
    spec = vm1(InterfaceSpec(network="blue", mac=MAC), InterfaceSpec(bridge="br0"))

    assert addressing.reservations_for(spec, {"blue": SUBNET}, taken={}) == []


def test_an_address_in_a_network_without_dhcp_is_refused() -> None:
    spec = vm1(InterfaceSpec(network="blue", mac=MAC, address="192.168.50.10"))

    with pytest.raises(SpecError, match="network 'blue' serves no DHCP"):
        addressing.reservations_for(spec, {}, taken={})


def test_a_taken_address_is_refused() -> None:
    spec = vm1(InterfaceSpec(network="blue", mac=MAC, address="192.168.50.10"))

    with pytest.raises(SpecError, match=r"domain 'vm1': address 192\.168\.50\.10 is taken in network 'blue'"):
        addressing.reservations_for(spec, {"blue": SUBNET}, taken={"blue": ["192.168.50.10"]})
