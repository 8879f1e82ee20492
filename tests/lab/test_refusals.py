"""PCI devices that a lab's guest cannot have, on the cards of a recorded machine."""

from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.errors import SpecError
from kvmlab.host import pci
from kvmlab.lab import refusals
from tests.host.test_pci import sysfs

#: In a group of its own, used by the machine; and two that share a group.
CARD, SHARED = "0000:04:00.0", "0000:02:01.0"
NOWHERE = "ffff:ff:1f.7"


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cards of the recorded machine, as if they were this one's."""
    recorded, read = sysfs("guest-with-iommu", tmp_path), pci.pci_nics
    monkeypatch.setattr(pci, "pci_nics", lambda: read(recorded))
    return recorded


@pytest.fixture
def sriov(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cards of another recorded machine: one has two virtual functions."""
    recorded, read = sysfs("guest-with-sriov", tmp_path), pci.pci_nics
    monkeypatch.setattr(pci, "pci_nics", lambda: read(recorded))
    return recorded


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "owns_machine", lambda: True)


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "owns_machine", lambda: False)


def domain(address: str) -> kl.DomainSpec:
    return kl.DomainSpec(name="vm1", hostdevs=(kl.PciDevice(address=address),))


def check(spec: kl.DomainSpec | kl.PciPoolSpec) -> None:
    if isinstance(spec, kl.PciPoolSpec):
        refusals.check_pool(spec)
    else:
        refusals.check_domain(spec)


def free(cards: Path, link: str) -> None:
    """Let the machine not use a card: its link is down."""
    (flags,) = cards.glob(f"bus/pci/devices/*/net/{link}/flags")
    flags.write_text("0x1002\n")


@pytest.mark.usefixtures("learner")
@pytest.mark.parametrize(
    "spec",
    [
        domain(CARD),
        kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(source=kl.PciDevice(address=CARD)),)),
        kl.PciPoolSpec(name="vfs", addresses=(CARD,)),
    ],
    ids=["whole card", "interface", "pool"],
)
def test_an_ordinary_user_hands_no_card_on(cards: Path, spec: kl.DomainSpec | kl.PciPoolSpec) -> None:
    free(cards, "eth2")

    with pytest.raises(SpecError, match=f"{CARD} is for the machine's real root") as caught:
        check(spec)

    assert "kvmlab doctor" in caught.value.hint


@pytest.mark.usefixtures("cards", "root")
@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        (domain(CARD), "cannot be handed on: the machine uses it as eth2", "kvmlab doctor"),
        (domain(SHARED), "its IOMMU group 15 has 0000:02:02.0 in it", "kvmlab doctor"),
        (domain(NOWHERE), f"{NOWHERE} is no network card of this machine", "its cards are: 0000:02:01.0"),
        (kl.PciPoolSpec(name="vfs", pf="eth2"), "'eth2' is no card with SR-IOV", "are: none"),
    ],
    ids=["in use", "shared group", "unknown", "no SR-IOV"],
)
def test_what_keeps_a_card_from_being_handed_on_is_named(
    spec: kl.DomainSpec | kl.PciPoolSpec, message: str, hint: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        check(spec)

    assert hint in caught.value.hint


@pytest.mark.usefixtures("root")
def test_a_free_card_goes_to_a_guest_but_not_as_an_interface(cards: Path) -> None:
    free(cards, "eth2")

    check(domain(CARD))

    with pytest.raises(SpecError, match="is no virtual function") as caught:
        check(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(source=kl.PciDevice(address=CARD)),)))
    assert "hostdevs" in caught.value.hint


VIRTUAL = "0000:04:10.0"


@pytest.mark.usefixtures("root")
def test_a_free_virtual_function_is_an_interface_and_part_of_a_pool(sriov: Path) -> None:
    (flags,) = sriov.glob(f"bus/pci/devices/{VIRTUAL}/net/*/flags")
    flags.write_text("0x1002\n")

    check(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(source=kl.PciDevice(address=VIRTUAL)),)))
    check(kl.PciPoolSpec(name="vfs", addresses=(VIRTUAL,)))
    check(kl.PciPoolSpec(name="vfs", pf="eth0"))


@pytest.mark.usefixtures("root")
def test_a_card_without_virtual_functions_makes_no_pool_yet(sriov: Path) -> None:
    (count,) = sriov.glob("bus/pci/devices/*/sriov_numvfs")
    count.write_text("0\n")

    with pytest.raises(SpecError, match="'eth0' has no virtual functions yet, it can have 7") as caught:
        check(kl.PciPoolSpec(name="vfs", pf="eth0"))

    assert "sriov_numvfs" in caught.value.hint
