"""What a guest says about its network, read from recorded output."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kvmlab._run import Completed, LocalRunner
from kvmlab.errors import GuestError
from kvmlab.evidence.guest import (
    GuestAddress,
    GuestCard,
    GuestLink,
    GuestRoute,
    GuestView,
    parse_guest,
    read_guest,
)

DATA = Path(__file__).parent.parent / "data/evidence"


def recorded(name: str) -> GuestView:
    return parse_guest((DATA / f"{name}.txt").read_text())


def test_a_link_is_read_with_its_driver_and_its_lease() -> None:
    (link,) = recorded("rtl8139").links

    assert link == GuestLink(
        name="eth0",
        mac="52:54:00:29:57:c9",
        mtu=1500,
        is_up=True,
        has_carrier=True,
        driver="8139cp",
        addresses=(GuestAddress("192.168.50.158/24", is_dynamic=True),),
    )


def test_the_driver_of_a_virtio_card_is_that_of_the_device_behind_it() -> None:
    view = recorded("virtio")

    assert [card.driver for card in view.cards] == ["virtio_net"]
    assert [link.driver for link in view.links] == ["virtio_net"]


def test_of_a_card_and_a_vlan_on_it_the_card_is_the_link_with_the_address() -> None:
    view = recorded("rtl8139")
    (card,) = view.links
    vlan = replace(card, name="a.10", driver="")

    assert replace(view, links=(vlan, card)).link(card.mac) == card


def test_routes_name_servers_and_the_gateway_are_read() -> None:
    view = recorded("virtio")

    assert view.gateway == "192.168.50.1"
    assert GuestRoute("192.168.50.0/24", "", "eth0", 1002) in view.routes
    assert view.name_servers == ("192.168.50.1",)


def test_a_card_without_a_driver_makes_no_link() -> None:
    view = recorded("no-driver")

    assert view.links == ()
    assert view.cards == (GuestCard("0000:02:01.0", "0000:02:01.0", "10ec:8139", "20", ""),)
    assert "r8169" in view.modules
    assert view.is_blacklisted("8139cp")
    assert not recorded("rtl8139").is_blacklisted("8139cp")


def test_without_a_default_route_there_is_no_gateway() -> None:
    assert recorded("no-driver").gateway == ""


def test_the_addresses_that_iproute2_prints_are_read_too() -> None:
    text = (DATA / "virtio.txt").read_text()
    before, _, after = text.partition("== addresses\n")
    theirs = (
        "2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP qlen 1000\n"
        "    inet 192.168.50.63/24 brd 192.168.50.255 scope global dynamic noprefixroute eth0\n"
        "       valid_lft 3595sec preferred_lft 3145sec\n"
    )

    view = parse_guest(f"{before}== addresses\n{theirs}== routes\n{after.partition('== routes')[2].lstrip()}")

    assert [a.cidr for a in view.links[0].addresses] == ["192.168.50.63/24"]


class Said(LocalRunner):
    """A guest that prints what it was told to."""

    def run(self, argv: Sequence[str], **_options: object) -> Completed:
        return Completed(tuple(argv), 0, self.name, "", 0.0)


@pytest.mark.parametrize("said", ["", "== links\n== addresses\n", "sh: not found"])
def test_what_breaks_off_is_an_error(said: str) -> None:
    with pytest.raises(GuestError, match="cannot be read"):
        read_guest(Said(said))
