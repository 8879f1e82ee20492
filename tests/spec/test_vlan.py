"""VLANs: what is refused, and what a trunk is called."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.source import Direct
from kvmlab.spec.vlan import PortVlans, VlanSpec, vlan_element


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: VlanSpec(link="eth0", id=0), "VLAN 0 is impossible", "1 to 4094"),
        (lambda: VlanSpec(link="eth0", id=4095), "VLAN 4095 is impossible", "1 to 4094"),
        (lambda: VlanSpec(link="eth0", id=True), "VLAN True is impossible", "1 to 4094"),
        (lambda: VlanSpec(link="eth 0", id=10), "link 'eth 0' is not a name", "letters"),
        (
            lambda: VlanSpec(link="enp1s0f0np0", id=1000),
            "VLAN link 'enp1s0f0np0.1000' is 16 characters long",
            "give it a name",
        ),
        (
            lambda: VlanSpec(link="eth0", id=10, addresses=("10.0.0.1",)),
            "address '10.0.0.1' has no prefix length",
            "10.0.0.1/24",
        ),
        (lambda: VlanSpec(link="eth0", id=10, addresses=("ten/24",)), "address 'ten/24'", "192.168.60.11"),
        (lambda: PortVlans(port="vnet0"), "port 'vnet0' is in no VLAN", "untagged=10"),
        (lambda: PortVlans(port="vnet0", tagged=(5000,)), "VLAN 5000 is impossible", "1 to 4094"),
        (
            lambda: PortVlans(port="vnet0", untagged=10, tagged=(10, 20)),
            "port 'vnet0': VLAN 10 is named twice",
            "once",
        ),
        (lambda: InterfaceSpec(bridge="br0", vlans=(10, 10)), "interface: VLAN 10 is named twice", "once"),
        (
            lambda: InterfaceSpec(source=Direct(dev="enp2s0"), vlans=(10,)),
            "an interface of type 'direct' has no vlans",
            "bridge",
        ),
        (lambda: NetworkSpec(name="ten", vlans=(0,)), "VLAN 0 is impossible", "1 to 4094"),
        (lambda: NetworkSpec(name="ten", vlans=(10,)), "network 'ten' has vlans", "forward='bridge'"),
    ],
)
def test_bad_input_is_refused_with_object_and_remedy(
    make: Callable[[], object], message: str, hint: str
) -> None:
    with pytest.raises(SpecError) as caught:
        make()

    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_link_may_have_a_name_of_its_own() -> None:
    assert VlanSpec(link="enp1s0f0np0", id=1000, name="office").name == "office"


def test_several_vlans_are_a_trunk() -> None:
    assert [vlan_element(numbers).get("trunk") for numbers in ((10,), (10, 20))] == [None, "yes"]
    assert [tag.get("id") for tag in ET.fromstring(ET.tostring(vlan_element((10, 20))))] == ["10", "20"]
