"""Every command that is shown for VLANs does what it says, in a guest, whose kernel has them all."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.commands import explain
from kvmlab.commands.vlan import explain_vlan, explain_vlan_end, explain_vlan_filter, explain_vlan_filter_end
from kvmlab.spec.vlan import PortVlans, VlanSpec
from kvmlab.virt.domain import Domain
from tests.commands.typing_in import type_all

pytestmark = pytest.mark.vm

#: Makes a bridge with the stations one, two, three and trunk, each a network namespace.
BUILD = """
ip link add name br0 type bridge forward_delay 0
ip link set dev br0 up
number=0
for name in one two three trunk; do
    number=$((number + 1))
    ip netns add $name
    ip link add name port-$name type veth peer name eth0 netns $name
    ip link set dev port-$name up master br0
    ip -netns $name link set dev eth0 up
    [ $name = trunk ] || ip -netns $name address add 10.9.9.$number/24 dev eth0
done
ip -netns trunk link add link eth0 name eth0.10 type vlan id 10
ip -netns trunk link set dev eth0.10 up
ip -netns trunk address add 10.9.9.4/24 dev eth0.10
"""
#: Says to whom station one gets through.
ASK = """
for number in 2 3 4; do
    ip netns exec one busybox ping -q -c 1 -W 1 10.9.9.$number >/dev/null && echo $number
done
true
"""
PORTS = (
    PortVlans(port="port-one", untagged=10),
    PortVlans(port="port-two", untagged=10),
    PortVlans(port="port-three", untagged=20),
    PortVlans(port="port-trunk", tagged=(10, 20)),
)


@pytest.fixture(scope="module")
def guest(lab: kl.Lab) -> Iterator[Domain]:
    lab.define(kl.NetworkSpec(name="plain")).start()
    spec = kl.DomainSpec(name="vm-vlan", interfaces=[kl.InterfaceSpec(network="plain")])
    guest = lab.define(spec).start(progress=Silent())
    yield guest
    guest.destroy()
    guest.undefine()
    lab.network("plain").destroy()
    lab.network("plain").undefine()


def reached(guest: Domain) -> list[str]:
    return guest.run(["sh", "-c", ASK]).stdout.split()


def test_a_link_for_a_vlan_is_made_and_removed(lab: kl.Lab, guest: Domain) -> None:
    spec = VlanSpec(link="eth0", id=10, addresses=("192.168.60.11/24", "fd00:60::11/64"))

    shown = type_all(lab, explain_vlan(spec, where=guest.name))

    assert "eth0.10@eth0" in shown
    assert "vlan protocol 802.1Q id 10" in shown
    (link,) = [link for link in guest.links() if link.name == "eth0.10"]
    assert set(spec.addresses) <= set(link.addresses)
    type_all(lab, explain_vlan_end(spec, where=guest.name))
    assert "eth0.10" not in [link.name for link in guest.links()]


def test_a_bridge_that_looks_at_tags_keeps_vlans_apart_until_it_does_not(lab: kl.Lab, guest: Domain) -> None:
    guest.run(["sh", "-ec", BUILD])
    before = reached(guest)

    shown = type_all(lab, explain_vlan_filter("br0", PORTS, where=guest.name))
    meanwhile = reached(guest)
    type_all(lab, explain_vlan_filter_end("br0", PORTS, where=guest.name))

    assert before == ["2", "3"]
    assert meanwhile == ["2", "4"]
    assert "10 PVID Egress Untagged" in shown
    assert reached(guest) == before


def test_a_vlan_is_explained_by_its_commands() -> None:
    spec = VlanSpec(link="eth0", id=10)

    assert explain(spec) == explain_vlan(spec)
