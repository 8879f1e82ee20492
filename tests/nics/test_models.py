"""The driver matrix, from real guests."""

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import SpecError
from kvmlab.image.distribution import this_distribution
from kvmlab.nics.models import NicModels, pci_devices
from kvmlab.spec.interface import NIC_MODELS

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def found(lab: kl.Lab) -> NicModels:
    return kl.nic_models(lab, progress=Silent())


def test_every_model_that_qemu_offers_has_a_row_with_its_card_and_driver(found: NicModels) -> None:
    offered = {"virtio", *(set(pci_devices()) & set(NIC_MODELS))}

    assert {row.model for row in found.rows} == offered
    for row in found.rows:
        assert (row.driver, row.pci_id) == (NIC_MODELS[row.model].driver, NIC_MODELS[row.model].pci_id)
        if row.module or this_distribution().id != "ubuntu":  # where virtio_net is built in
            assert row.module.endswith(row.driver) or row.module.replace("-", "_").endswith(row.driver)
        assert row.mtu_min <= 1500 <= row.mtu_max


def test_an_rtl8139_has_a_ceiling_one_queue_and_a_shared_interrupt(found: NicModels) -> None:
    card = found["rtl8139"]

    assert (card.mtu_max, card.revision, card.listed_by) == (4096, "20", ("8139cp", "8139too"))
    assert (card.queues, card.is_multiqueue, card.interrupts) == (1, False, "INTx")


def test_a_virtio_nic_has_its_offloads_as_its_tap_takes_them(found: NicModels) -> None:
    assert {"tx", "sg", "tso"} <= set(found["virtio"].offloads)


def test_it_says_its_kernel_and_what_was_not_tried(found: NicModels) -> None:
    assert f"kernel {found.kernel}" in repr(found)
    assert "i82550" in repr(found)
    assert "8139too" in found._repr_html_()


def test_a_model_without_a_row_is_refused(found: NicModels) -> None:
    with pytest.raises(SpecError, match="no row for model 'x'"):
        found["x"]


@pytest.mark.usefixtures("found")
def test_nothing_of_it_stays_in_the_lab(lab: kl.Lab) -> None:
    assert [domain.name for domain in lab.domains() if domain.name.startswith("nics")] == []
    assert [network.name for network in lab.networks()] == ["blue"]
