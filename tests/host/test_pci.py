"""The machine's network cards, as sysfs of real kernels tells of them.

Recorded in guests of QEMU's q35 machine with its emulated IOMMU (intel-iommu): lines with a file and
its text (F), a symbolic link and where it leads (L), a device in its IOMMU group (G).
"""

import os
from pathlib import Path

import pytest

from kvmlab.host import pci
from kvmlab.host.pci import PciNic

DATA = Path(__file__).parent.parent / "data/pci"


def sysfs(record: str, root: Path) -> Path:
    """Build what was recorded."""
    for line in (DATA / f"{record}.txt").read_text(encoding="ascii").splitlines():
        kind, name, *rest = line.split(" ", 2)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "F":
                path.write_text(rest[0] + "\n")
            case "L":
                path.symlink_to(rest[0])
            case "G":
                path.symlink_to(os.path.relpath(root / "bus/pci/devices" / path.name, path.parent))
    return root


@pytest.fixture
def with_iommu(tmp_path: Path) -> Path:
    return sysfs("guest-with-iommu", tmp_path)


def test_cards_are_found_with_driver_link_and_group(with_iommu: Path) -> None:
    found = {nic.pci_id: (nic.driver, nic.links, nic.iommu_group) for nic in pci.pci_nics(with_iommu)}

    assert found["8086:10d3"] == ("e1000e", ("eth2",), 17)
    assert found["1af4:1041"] == ("virtio-pci", ("eth3",), 16)
    assert {driver for driver, _, _ in found.values()} == {"8139cp", "e1000", "virtio-pci", "e1000e"}


def test_a_card_of_its_own_group_that_is_in_use_is_the_machines(with_iommu: Path) -> None:
    nic = next(nic for nic in pci.pci_nics(with_iommu) if nic.driver == "e1000e")

    assert (nic.companions, nic.is_up) == ((), True)
    assert nic.obstacle == "the machine uses it as eth2"


def test_a_card_whose_link_is_down_is_free(with_iommu: Path) -> None:
    (flags,) = with_iommu.glob("bus/pci/devices/*/net/eth2/flags")
    flags.write_text("0x1002\n")  # without IFF_UP

    nic = next(nic for nic in pci.pci_nics(with_iommu) if nic.driver == "e1000e")

    assert nic.obstacle == ""


def test_cards_behind_one_conventional_bridge_go_together(with_iommu: Path) -> None:
    pair = [nic for nic in pci.pci_nics(with_iommu) if nic.driver in ("8139cp", "e1000")]

    assert {nic.iommu_group for nic in pair} == {15}
    assert [nic.companions for nic in pair] == [(pair[1].address,), (pair[0].address,)]
    assert pair[1].address in pair[0].obstacle


def test_virtual_functions_of_a_card_are_told_from_it(tmp_path: Path) -> None:
    found = {nic.address: nic for nic in pci.pci_nics(sysfs("guest-with-sriov", tmp_path))}
    card, virtual = found["0000:04:00.0"], [nic for nic in found.values() if nic.is_vf]

    assert (card.driver, card.vfs, card.total_vfs, card.is_vf) == ("igb", 2, 7, False)
    assert [(nic.address, nic.driver, nic.companions) for nic in virtual] == [
        ("0000:04:10.0", "igbvf", ()),
        ("0000:04:10.2", "igbvf", ()),
    ]


def test_without_an_iommu_no_card_can_be_handed_on(with_iommu: Path) -> None:
    for device in with_iommu.glob("bus/pci/devices/*"):
        (device / "iommu_group").unlink()

    assert {nic.obstacle.split(":")[0] for nic in pci.pci_nics(with_iommu)} == {"in no IOMMU group"}


def test_groups_are_counted(with_iommu: Path, tmp_path: Path) -> None:
    assert pci.iommu_groups(with_iommu) == list(range(18))
    assert pci.iommu_groups(tmp_path / "nothing") == []


def test_the_cards_of_this_machine_are_those_of_its_kernel() -> None:
    names = [path.name for path in Path("/sys/bus/pci/devices").glob("*")]

    assert {nic.address for nic in pci.pci_nics()} <= set(names)
    assert all(isinstance(nic, PciNic) for nic in pci.pci_nics())
