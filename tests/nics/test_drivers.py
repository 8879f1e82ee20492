"""Drivers asked whether they take QEMU's rtl8139, in a real guest."""

import pytest

import kvmlab as kl
from kvmlab.errors import GuestError, SpecError
from kvmlab.virt.domain import Domain

pytestmark = pytest.mark.vm


def test_each_driver_says_what_it_makes_of_the_card_which_is_as_before_afterwards(guest: Domain) -> None:
    before = guest.nics()

    found = {trial.driver: trial for trial in kl.try_drivers(guest, ["8139cp", "8139too", "r8169"])}

    assert (found["8139cp"].is_listed, found["8139cp"].is_bound) == (True, True)
    assert (found["8139too"].is_listed, found["8139too"].is_bound) == (True, False)
    assert found["8139too"].kernel_said.endswith("is an enhanced 8139C+ chip, use 8139cp")
    assert (found["r8169"].is_listed, found["r8169"].is_bound) == (False, False)
    assert "unknown chip XID" in found["r8169"].kernel_said
    assert [(nic.link, nic.driver) for nic in guest.nics()] == [(nic.link, nic.driver) for nic in before]
    assert guest.address


def test_what_is_not_there_is_refused_and_the_card_keeps_its_driver(guest: Domain) -> None:
    with pytest.raises(GuestError, match="no driver 'no_such' for PCI"):
        kl.try_drivers(guest, ["no_such"])
    with pytest.raises(GuestError, match="no card with a driver at 'eth7'"):
        kl.try_drivers(guest, ["8139cp"], link="eth7")
    with pytest.raises(SpecError, match="'a b' is no name"):
        kl.try_drivers(guest, ["8139cp", "a b"])

    assert [nic.driver for nic in guest.nics()] == ["8139cp"]
