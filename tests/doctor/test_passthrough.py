"""IOMMU, VFIO and cards: what is observed, and what to switch on."""

from pathlib import Path

import pytest

from kvmlab.doctor import passthrough
from kvmlab.doctor.report import Check
from tests.host.test_pci import sysfs


@pytest.fixture
def with_iommu(tmp_path: Path) -> Path:
    return sysfs("guest-with-iommu", tmp_path / "sys")


def checks(sys: Path, modules: str = "") -> dict[str, Check]:
    folder = sys.parent / "modules"
    folder.mkdir(exist_ok=True)
    (folder / "modules.dep").write_text(modules)
    return {check.name: check for check in passthrough.checks(sys, modules=folder)}


@pytest.mark.parametrize(
    ("table", "observed", "fix"),
    [
        ("DMAR", "the firmware has VT-d", "add intel_iommu=on to GRUB_CMDLINE_LINUX"),
        ("IVRS", "the firmware has AMD-Vi", "take amd_iommu=off and iommu=off out of GRUB_CMDLINE_LINUX"),
        ("APIC", "the firmware offers no IOMMU", "switch on VT-d (Intel) or AMD-Vi"),
    ],
)
def test_without_groups_it_is_said_what_to_switch_on(
    tmp_path: Path, table: str, observed: str, fix: str
) -> None:
    tables = tmp_path / "sys/firmware/acpi/tables"
    tables.mkdir(parents=True)
    (tables / table).touch()

    (found,) = passthrough.checks(tmp_path / "sys")

    assert (found.name, found.outcome) == ("IOMMU", "warning")
    assert observed in found.observed
    assert fix in found.fix


def test_an_iommu_is_told_with_its_groups(with_iommu: Path) -> None:
    assert (checks(with_iommu)["IOMMU"].outcome, checks(with_iommu)["IOMMU"].observed) == ("ok", "18 groups")


@pytest.mark.parametrize(
    ("modules", "outcome"),
    [
        ("kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko.xz\n", "ok"),
        ("kernel/drivers/vfio/pci/vfio-pci-core.ko: \n", "warning"),
    ],
)
def test_vfio_is_looked_for_in_the_kernels_modules(with_iommu: Path, modules: str, outcome: str) -> None:
    assert checks(with_iommu, modules)["vfio-pci"].outcome == outcome


def test_cards_that_are_in_use_are_no_free_ones(with_iommu: Path) -> None:
    found = checks(with_iommu)["network cards"]

    assert found.outcome == "warning"
    assert found.observed == "4 PCI cards, free for a guest: none; SR-IOV: none"
    assert "0000:04:00.0: the machine uses it as eth2" in found.fix


def test_a_free_card_is_named(with_iommu: Path) -> None:
    (flags,) = with_iommu.glob("bus/pci/devices/*/net/eth2/flags")
    flags.write_text("0x1002\n")

    found = checks(with_iommu)["network cards"]

    assert (found.outcome, "free for a guest: 0000:04:00.0;" in found.observed) == ("ok", True)


def test_a_card_with_sriov_is_told_with_how_many_it_can_be(tmp_path: Path) -> None:
    found = checks(sysfs("guest-with-sriov", tmp_path / "sys"))["network cards"]

    assert found.observed.endswith("SR-IOV: 0000:04:00.0 up to 7 virtual functions")


def test_nothing_of_it_is_a_need(with_iommu: Path, tmp_path: Path) -> None:
    found = [*passthrough.checks(with_iommu), *passthrough.checks(tmp_path / "nothing")]

    assert "missing" not in {check.outcome for check in found}
