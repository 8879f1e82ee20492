"""What a network is refused for, and what follows from its description."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation


@dataclass(frozen=True)
class Other:
    bridge: str
    subnets: Sequence[IPv4Network | IPv6Network]


def blue(**options: object) -> NetworkSpec:
    given = {"name": "blue", "subnet": "192.168.50.0/24", "forward": "nat", **options}
    return NetworkSpec(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"name": "Blue"}, "network name 'Blue' is not allowed", "lower-case"),
        ({"name": ""}, "network name '' is not allowed", "1 to 63"),
        (
            {"name": "a-very-long-name"},
            "network name 'a-very-long-name' makes bridge name 'virbr-a-very-long-name', 22 characters long",
            "interface names have at most 15 characters: use 9 or fewer",
        ),
        ({"bridge": "a-bridge-of-many"}, "bridge name 'a-bridge-of-many' is 16 characters long", "15"),
        ({"bridge": "br 0"}, "bridge name 'br 0' is not a name that the kernel takes", "letters"),
        (
            {"forward": "bridged"},
            "network 'blue': forward mode 'bridged' is unknown",
            "nat, route, open, bridge",
        ),
        ({"subnet": None}, "network 'blue': forward mode 'nat' needs a subnet", "subnet="),
        (
            {"subnet": None, "forward": "bridge"},
            "forward mode 'bridge' needs a bridge of the host",
            "bridge='br0'",
        ),
        (
            {"forward": "bridge", "bridge": "br0", "mtu": 1400},
            "network 'blue': forward mode 'bridge' uses a bridge of the host as it is",
            "leave subnet and mtu out",
        ),
        ({"subnet": "192.168.50.1/24"}, "192.168.50.1/24 has host bits set", "did you mean 192.168.50.0/24?"),
        ({"subnet": "192.168.50/24"}, "network 'blue': '192.168.50/24' does not", "192.168.50.0/24"),
        ({"subnet": "192.168.50.0/33"}, "'192.168.50.0/33' does not appear", "192.168.50.0/24"),
        ({"subnet": "192.168.50.0/30"}, "network 'blue': '192.168.50.0/30' is too small", "at most /29"),
        ({"subnet": "192.168.50.0/31", "dhcp": False}, "'192.168.50.0/31' is too small", "without DHCP /30"),
        (
            {"subnet": "224.0.0.0/24"},
            "network 'blue': '224.0.0.0/24' is not for networks of hosts",
            "private",
        ),
        ({"subnet": "127.0.0.0/8"}, "network 'blue': '127.0.0.0/8' is not for networks of hosts", "private"),
        ({"subnet": "169.254.0.0/16"}, "'169.254.0.0/16' is not for networks of hosts", "private"),
        ({"subnet": "0.0.0.0/0"}, "network 'blue': '0.0.0.0/0' is not for networks of hosts", "private"),
        ({"subnet": "fd00:50::/64"}, "network 'blue': 'fd00:50::/64' is no IPv4 subnet", "subnet6"),
        ({"subnet6": "192.168.51.0/24"}, "network 'blue': '192.168.51.0/24' is no IPv6 subnet", "IPv4"),
        ({"subnet6": "fd00:50::/48"}, "network 'blue': 'fd00:50::/48' has prefix /48", "/64"),
        ({"mtu": 40}, "network 'blue': MTU of 40 bytes is too small", "at least 68"),
        ({"mtu": 1279, "subnet6": "fd00:50::/64"}, "network 'blue': MTU of 1279 bytes is too small", "1280"),
        ({"domain": "blue_net"}, "network 'blue': 'blue_net' is no DNS domain", "blue.example"),
    ],
)
def test_bad_input_is_refused_with_object_and_remedy(
    options: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(SpecError) as caught:
        blue(**options)

    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_the_host_has_the_first_address_and_dhcp_the_others() -> None:
    network = blue()

    assert network.gateway == IPv4Address("192.168.50.1")
    assert network.dhcp_range == (IPv4Address("192.168.50.2"), IPv4Address("192.168.50.254"))


def test_a_large_subnet_gives_out_as_many_addresses_as_libvirt_takes() -> None:
    network = blue(subnet="10.0.0.0/8")

    assert network.dhcp_range == (IPv4Address("10.0.0.2"), IPv4Address("10.0.255.255"))


@pytest.mark.parametrize("options", [{"dhcp": False}, {"forward": None, "subnet": None}])
def test_without_dhcp_or_subnet_there_is_no_range(options: dict[str, object]) -> None:
    assert blue(**options).dhcp_range is None


def test_the_bridge_is_named_after_the_network() -> None:
    assert blue().bridge_name == "virbr-blue"
    assert blue(bridge="br-blue").bridge_name == "br-blue"


def test_a_name_of_nine_characters_makes_a_bridge_name_of_fifteen() -> None:
    assert blue(name="ninechars").bridge_name == "virbr-ninechars"


@pytest.mark.parametrize(
    ("subnet", "taken"),
    [
        ("192.168.50.0/24", "192.168.50.0/24"),
        ("192.168.50.0/24", "192.168.0.0/16"),
        ("10.0.0.0/8", "10.1.2.0/24"),
    ],
)
def test_an_overlap_names_both_networks(subnet: str, taken: str) -> None:
    present = {"red": Other("virbr-red", [ip_network(taken)])}

    with pytest.raises(
        SpecError, match=rf"network 'blue': subnet {subnet} overlaps {taken} of network 'red'"
    ):
        blue(subnet=subnet).check_against(present, reserved={})


def test_an_overlap_with_the_lan_names_the_lan() -> None:
    with pytest.raises(SpecError, match=r"overlaps 192\.168\.50\.0/24 of the LAN"):
        blue().check_against({}, reserved={"the LAN": ip_network("192.168.50.0/24")})


def test_an_overlap_of_ipv6_subnets_is_refused() -> None:
    present = {"red": Other("virbr-red", [ip_network("fd00::/16")])}

    with pytest.raises(SpecError, match=r"subnet fd00:50::/64 overlaps fd00::/16 of network 'red'"):
        blue(subnet6="fd00:50::/64").check_against(present, reserved={})


def test_two_networks_cannot_have_one_bridge() -> None:
    present = {"red": Other("virbr-blue", [])}

    with pytest.raises(SpecError, match="bridge 'virbr-blue' belongs to network 'red'"):
        blue().check_against(present, reserved={})


def test_two_networks_may_use_one_bridge_of_the_host() -> None:
    lan = NetworkSpec(name="lan", forward="bridge", bridge="br0")

    lan.check_against({"lan2": Other("br0", [])}, reserved={})


def test_neighbouring_subnets_are_accepted() -> None:
    present = {"red": Other("virbr-red", [ip_network("192.168.51.0/24"), ip_network("fd00:51::/64")])}

    blue(subnet6="fd00:50::/64").check_against(present, reserved={"the LAN": ip_network("192.168.1.0/24")})


@pytest.mark.parametrize("address", ["192.168.50.0", "192.168.50.1", "192.168.50.255", "192.168.51.2"])
def test_an_address_that_no_guest_can_have_is_not_reserved(address: str) -> None:
    reservation = Reservation(mac="52:54:00:00:00:01", name="vm1", address=address)

    with pytest.raises(
        SpecError, match=f"network 'blue': address {address} cannot be given to 'vm1'"
    ) as caught:
        blue().to_xml(reservations=[reservation])

    assert caught.value.hint == "choose one from 192.168.50.2 to 192.168.50.254"


def test_nothing_is_reserved_without_a_subnet() -> None:
    reservation = Reservation(mac="52:54:00:00:00:01", name="vm1", address="10.0.0.2")

    with pytest.raises(SpecError) as caught:
        NetworkSpec(name="blue").check_reservation(reservation)

    assert caught.value.hint == "the network serves no addresses"
