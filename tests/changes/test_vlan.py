"""VLANs: guests with the same tag reach each other, and nobody else does."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import HostError, KvmlabError, SpecError
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.support import VLANS_SINCE
from tests.commands.stations import pings

NETWORK = kl.NetworkSpec(name="shared", subnet="192.168.60.0/24", dhcp=False)
#: Tag of each guest; None for none.
TAGS = {"vm1": 10, "vm2": 10, "vm3": 20}


def address(name: str) -> str:
    return f"192.168.60.1{name[-1]}"


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("vlans", progress=Silent()) as lab:
        yield lab


@pytest.fixture(scope="module")
def guests(lab: kl.Lab) -> Iterator[dict[str, Domain]]:
    """Guests on one bridge, each with a link for its VLAN."""
    lab.define(NETWORK).start()
    nic = kl.InterfaceSpec(network=NETWORK.name)
    found = {name: lab.define(kl.DomainSpec(name=name, interfaces=(nic,))) for name in TAGS}
    kl.start_all(found.values(), addresses=False, progress=Silent())
    for name, tag in TAGS.items():
        spec = kl.VlanSpec(link="eth0", id=tag, addresses=(f"{address(name)}/24",))
        kl.add_vlan(lab, spec, where=name)
    yield found
    for guest in found.values():
        guest.destroy()


@pytest.mark.vm
def test_the_same_tag_reaches_and_another_or_none_does_not(lab: kl.Lab, guests: dict[str, Domain]) -> None:
    reached = {
        "same": pings(guests["vm1"], address("vm2")),
        "other": pings(guests["vm1"], address("vm3")),
        "none": pings(lab.host, address("vm1")),
    }

    assert reached == {"same": True, "other": False, "none": False}


@pytest.mark.vm
def test_frames_pass_the_bridge_with_their_tag(lab: kl.Lab, guests: dict[str, Domain]) -> None:
    capture = ["timeout", "10", "tcpdump", "-enl", "-c", "1", "-i", "virbr-shared", "vlan", "10"]
    guests["vm1"].run(["sh", "-c", f"ping -c 40 -i 0.2 {address('vm2')} >/dev/null 2>&1 &"])

    seen = lab.host.run(capture).stdout

    assert "vlan 10" in seen


@pytest.mark.vm
def test_a_vlan_link_goes_when_it_is_removed(lab: kl.Lab, guests: dict[str, Domain]) -> None:
    change = kl.add_vlan(lab, kl.VlanSpec(link="eth0", id=30), where="vm1")
    there = [link.name for link in guests["vm1"].links()]

    change.remove()

    assert "eth0.30" in there
    assert [link.name for link in guests["vm1"].links()] == [name for name in there if name != "eth0.30"]


@pytest.mark.vm
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (kl.VlanSpec(link="eth7", id=10), "vm1 has no link 'eth7'"),
        (kl.VlanSpec(link="eth0", id=10), "vm1 has a link 'eth0.10' already"),
    ],
)
def test_a_vlan_that_cannot_be_is_refused(
    lab: kl.Lab, guests: dict[str, Domain], spec: kl.VlanSpec, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        kl.add_vlan(lab, spec, where="vm1")


def kernel_has(lab: kl.Lab, *argv: str) -> bool:
    """Whether the host's kernel carries out a command; what it makes goes again."""
    done = lab.host.run(["ip", "link", "add", "name", "trial", *argv], check=False)
    lab.host.run(["ip", "link", "delete", "dev", "trial"], check=False)
    return done.returncode == 0


@pytest.mark.host
def test_on_the_host_a_vlan_link_is_made_or_refused_with_what_the_kernel_lacks(lab: kl.Lab) -> None:
    spec = kl.VlanSpec(link="enp2s0", id=10)

    if kernel_has(lab, "link", "enp2s0", "type", "vlan", "id", "10"):
        with kl.add_vlan(lab, spec):
            link = lab.network_state(["host"])["host"].link("enp2s0.10")
        assert link is not None
        assert (link.kind, link.vlan_id, link.lower) == ("vlan", 10, "enp2s0")
    else:
        with pytest.raises(HostError, match="the kernel of host has no VLAN links") as caught:
            kl.add_vlan(lab, spec)
        assert "CONFIG_VLAN_8021Q" in caught.value.hint
    assert lab.network_state(["host"])["host"].link("enp2s0.10") is None


@pytest.mark.host
def test_on_the_host_a_bridge_looks_at_tags_or_that_is_refused(lab: kl.Lab) -> None:
    ports = [kl.PortVlans(port="enp2s0", untagged=10)]
    with kl.make_bridge(lab, kl.BridgeSpec(name="br-tags", uplink="enp2s0")):
        if kernel_has(lab, "type", "bridge", "vlan_filtering", "1"):
            with kl.filter_vlans(lab, "br-tags", ports):
                bridge = lab.network_state(["host"])["host"].link("br-tags")
            assert bridge is not None
            assert bridge.vlan_filtering
        else:
            with pytest.raises(HostError, match="the kernel of host has no bridges that look") as caught:
                kl.filter_vlans(lab, "br-tags", ports)
            assert "CONFIG_BRIDGE_VLAN_FILTERING" in caught.value.hint


@pytest.mark.host
def test_ports_that_do_not_exist_are_refused(lab: kl.Lab) -> None:
    with pytest.raises(SpecError, match="host has no link 'vnet99'"):
        kl.filter_vlans(lab, "enp2s0", [kl.PortVlans(port="vnet99", untagged=10)])


@pytest.mark.host
def test_vlans_that_libvirt_does_not_set_are_refused_with_its_version(lab: kl.Lab) -> None:
    spec = kl.NetworkSpec(name="tagged", forward="bridge", bridge="br-tagged", vlans=(10,))
    version = Connection(lab.uri).vir.getLibVersion()

    with kl.make_bridge(lab, kl.BridgeSpec(name="br-tagged", uplink="enp2s0")):
        if version >= VLANS_SINCE:
            lab.define(spec).undefine()
        else:
            with pytest.raises(HostError, match="sets no VLANs on a Linux bridge") as caught:
                lab.define(spec)
            assert "add_vlan()" in caught.value.hint
    assert "tagged" not in [network.name for network in lab.networks()]


@pytest.mark.vm
@pytest.mark.usefixtures("guests")
def test_vlans_on_a_bridge_of_libvirts_own_are_refused(lab: kl.Lab) -> None:
    nic = kl.InterfaceSpec(network=NETWORK.name, vlans=(10,))

    with pytest.raises(KvmlabError) as caught:
        lab.define(kl.DomainSpec(name="vm4", interfaces=(nic,)))

    assert "filter_vlans()" in caught.value.hint
    assert "vm4" not in [guest.name for guest in lab.domains()]


@pytest.mark.host
def test_a_guest_that_is_called_like_a_host_is_not_mistaken_for_it(lab: kl.Lab) -> None:
    guest = lab.define(kl.DomainSpec(name="router"))

    with pytest.raises(SpecError, match="a host of the lab and a guest are both called 'router'"):
        kl.add_vlan(lab, kl.VlanSpec(link="lan0", id=10), where="router")

    guest.undefine()
