"""The NICs of a guest, read from libvirt's XML and from what the guest printed."""

from pathlib import Path

import pytest

from kvmlab.topology import GuestNic
from kvmlab.virt import guest_nics

SAID = (Path(__file__).parent.parent / "data/guest_nics/two-links.txt").read_text(encoding="utf-8")
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
    )


def test_a_guest_that_is_off_has_no_tap() -> None:
    assert [nic.tap for nic in guest_nics.from_xml("vm1", "shut off", XML)] == ["", "", ""]


def test_what_the_guest_says_is_matched_by_mac_address() -> None:
    found = guest_nics.with_guest_view([nic("52:54:00:68:c2:ea"), nic("52:54:00:48:7a:5a")], SAID)

    assert [(one.link, one.driver) for one in found] == [("eth1", "8139cp"), ("eth0", "virtio_net")]
    assert found[1].addresses == ("192.168.50.105/24", "fe80::5054:ff:fe48:7a5a/64")
    assert found[1].has_carrier is True


def test_a_nic_that_the_guest_does_not_see_stays_as_libvirt_tells_it() -> None:
    unseen = nic("52:54:00:00:00:99")

    assert guest_nics.with_guest_view([unseen], SAID) == [unseen]


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
