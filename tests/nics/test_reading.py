"""What a guest tells about its NICs, read from recorded output."""

from pathlib import Path

import pytest

from kvmlab.errors import MeasurementError
from kvmlab.nics.reading import Told, facts, listing, parse

RECORDED = (Path(__file__).parent.parent / "data/nics/debian-12.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told() -> Told:
    return parse(RECORDED, "eth1\n")


def test_an_rtl8139_is_read_as_the_kernel_has_it(told: Told) -> None:
    nic = facts(told, "eth0", "rtl8139")

    assert (nic.pci_id, nic.revision, nic.driver) == ("10ec:8139", "20", "8139cp")
    assert nic.module == "drivers/net/ethernet/realtek/8139cp"
    assert nic.listed_by == ("8139cp", "8139too")
    assert (nic.mtu_min, nic.mtu_max, nic.speed_mbit_s) == (60, 4096, 100)
    assert (nic.queues, nic.is_multiqueue, nic.interrupts) == (1, False, "INTx")
    assert nic.offloads == ("rx", "tx", "sg", "tso", "rxvlan", "txvlan")


def test_a_virtio_nic_is_found_behind_its_pci_card_and_knows_no_speed(told: Told) -> None:
    nic = facts(told, "eth1", "virtio")

    assert (nic.pci_id, nic.driver, nic.interrupts) == ("1af4:1041", "virtio_net", "MSI")
    assert nic.speed_mbit_s is None
    assert nic.is_multiqueue


def test_the_kernel_is_named(told: Told) -> None:
    assert told.kernel.startswith("6.1.")


def test_an_id_table_lists_a_card_or_not(told: Told) -> None:
    old = "pci:v000010ECd00008139sv00001AF4sd00001100bc02sc00i00"
    gigabit = "pci:v000010ECd00008168sv00001AF4sd00001100bc02sc00i00"

    assert "r8169" not in listing(told, old)
    assert listing(told, gigabit) == ("r8169",)


def test_a_link_that_is_no_card_is_refused(told: Told) -> None:
    with pytest.raises(MeasurementError, match="'lo' is no PCI card"):
        facts(told, "lo", "virtio")


def test_half_an_answer_is_refused() -> None:
    with pytest.raises(MeasurementError, match="did not tell all"):
        parse(RECORDED[:2000])
