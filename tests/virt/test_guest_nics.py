"""The NICs of a guest, read from libvirt's XML and from what the guest printed."""

from dataclasses import replace
from pathlib import Path

import pytest

from kvmlab.topology import GuestNic, GuestVlan
from kvmlab.virt import guest_nics

DATA = Path(__file__).parent.parent / "data/guest_nics"
SAID = (DATA / "two-links.txt").read_text(encoding="utf-8")
MIXED = (DATA / "vlan-and-bond.txt").read_text(encoding="utf-8")
XML = """
<domain>
  <devices>
    <interface type="network">
      <mac address="52:54:00:68:c2:ea"/>
      <source network="blue" bridge="virbr-blue"/>
      <target dev="vnet1"/>
      <model type="rtl8139"/>
    </interface>
    <interface type="bridge">
      <mac address="52:54:00:48:7a:5a"/>
      <source bridge="br0"/>
      <target dev="vnet0"/>
      <model type="virtio"/>
    </interface>
    <interface type="user"/>
  </devices>
</domain>
"""


def nic(mac: str) -> GuestNic:
    return GuestNic(domain="vm1", state="running", model="virtio", mac=mac)


def test_nics_are_in_the_order_of_the_xml() -> None:
    found = guest_nics.from_xml("vm1", "running", XML)

    assert [nic.model for nic in found] == ["rtl8139", "virtio", ""]
    assert found[0] == GuestNic(
        domain="vm1",
        state="running",
        model="rtl8139",
        mac="52:54:00:68:c2:ea",
        tap="vnet1",
        network="blue",
        bridge="virbr-blue",
        kind="network",
    )


@pytest.mark.parametrize(
    ("kind", "inner", "expected"),
    [
        ("direct", "<source dev='enp1s0' mode='vepa'/>", ("enp1s0", "", "vepa")),
        ("user", "", ("slirp", "", "")),
        ("user", "<backend type='passt'/>", ("passt", "", "")),
        ("mcast", "<source address='230.0.0.1' port='5558'/>", ("230.0.0.1:5558", "", "")),
        (
            "udp",
            "<source address='127.0.0.1' port='2'><local address='127.0.0.1' port='1'/></source>",
            ("127.0.0.1:1", "127.0.0.1:2", ""),
        ),
        (
            "hostdev",
            "<source><address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/></source>",
            ("0000:03:10.1", "", ""),
        ),
    ],
)
def test_what_is_neither_network_nor_bridge_is_read(
    kind: str, inner: str, expected: tuple[str, str, str]
) -> None:
    xml = f"<domain><devices><interface type='{kind}'>{inner}</interface></devices></domain>"

    (found,) = guest_nics.from_xml("vm1", "running", xml)

    assert (found.source, found.peer, found.mode) == expected


def test_ports_that_passt_forwards_are_read() -> None:
    ports = "<portForward proto='tcp'><range start='80' to='8080'/><range start='22'/></portForward>"

    (found,) = guest_nics.from_xml(
        "vm1", "running", f"<domain><devices><interface type='user'>{ports}</interface></devices></domain>"
    )

    assert found.forwards == ("tcp 80 to 8080", "tcp 22 to 22")


def test_a_port_that_shall_be_isolated_is_known() -> None:
    ports = "<interface type='network'><port isolated='yes'/></interface><interface type='network'/>"

    found = guest_nics.from_xml("vm1", "running", f"<domain><devices>{ports}</devices></domain>")

    assert [nic.is_isolated for nic in found] == [True, False]


def test_a_guest_that_is_off_has_no_tap() -> None:
    assert [nic.tap for nic in guest_nics.from_xml("vm1", "shut off", XML)] == ["", "", ""]


def test_what_the_guest_says_is_matched_by_mac_address() -> None:
    found = guest_nics.with_guest_view([nic("52:54:00:68:c2:ea"), nic("52:54:00:48:7a:5a")], SAID)

    assert [(one.link, one.driver) for one in found] == [("eth1", "8139cp"), ("eth0", "virtio_net")]
    assert found[1].addresses == ("192.168.50.105/24", "fe80::5054:ff:fe48:7a5a/64")
    assert found[1].has_carrier is True


def test_a_nic_that_the_guest_does_not_see_has_no_link_and_the_guest_said_so() -> None:
    unseen = nic("52:54:00:00:00:99")

    assert guest_nics.with_guest_view([unseen], SAID) == [replace(unseen, told_by="guest")]


def test_vlans_and_bonds_are_told_from_the_card_whose_address_they_have() -> None:
    found = guest_nics.with_guest_view([nic("52:54:00:7d:47:35"), nic("52:54:00:38:b3:63")], MIXED)

    assert [(one.link, one.driver, one.master) for one in found] == [
        ("eth0", "virtio_net", ""),
        ("eth1", "8139cp", "bond0"),
    ]
    assert found[0].vlans == (GuestVlan("eth0.10", 10, ("10.0.10.1/24", "fe80::5054:ff:fe7d:4735/64")),)


@pytest.mark.parametrize(
    ("flags", "carrier"),
    [
        ('"BROADCAST","UP","LOWER_UP"', True),
        ('"NO-CARRIER","BROADCAST","UP"', False),
        ('"BROADCAST"', None),  # a link that is not up does not look for a cable
    ],
)
def test_the_carrier_is_what_the_flags_of_the_link_say(*, flags: str, carrier: bool | None) -> None:
    mac = "52:54:00:48:7a:5a"
    said = f'[{{"ifname":"eth0","address":"{mac}","flags":[{flags}],"addr_info":[]}}]\n'

    (found,) = guest_nics.with_guest_view([nic(mac)], said)

    assert found.has_carrier is carrier


def test_a_link_without_a_driver_has_none() -> None:
    said = SAID.splitlines()[0]

    (found,) = guest_nics.with_guest_view([nic("52:54:00:48:7a:5a")], said)

    assert found.driver == ""
