"""What a domain is refused for, and what follows from its description."""

from pathlib import Path

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec.boot import CloudImage, DirectBoot, DiskBoot
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import InterfaceSpec


def nics(count: int, *, model: str = "virtio") -> tuple[InterfaceSpec, ...]:
    return (InterfaceSpec(network="blue", model=model),) * count


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"name": "vm_1"}, "domain name 'vm_1' is not allowed", "lower-case letters"),
        ({"name": "-vm"}, "domain name '-vm' is not allowed", "lower-case letters"),
        ({"name": "v" * 64}, "is not allowed", "1 to 63"),
        ({"name": "../vm"}, "domain name '../vm' is not allowed", "lower-case letters"),
        ({"memory_mib": 127}, "domain 'vm1': memory of 127 MiB is too small", "at least 128 MiB"),
        ({"memory_mib": 256.5}, "domain 'vm1': memory 256.5 is no whole number", "boot"),
        ({"vcpus": 0}, "domain 'vm1': number of CPUs of 0 is too small", "at least 1"),
        ({"vcpus": True}, "domain 'vm1': number of CPUs True is no whole number", "CPU"),
        ({"vcpus": 256}, "domain 'vm1': 256 CPUs are too many", "at most 255"),
        ({"machine": "virt"}, "domain 'vm1': machine 'virt' is unknown", "q35, pc"),
        ({"interfaces": nics(9)}, "domain 'vm1': 9 NICs need a PCI Express slot, there are 8", "rtl8139"),
        (
            {"interfaces": nics(9, model="rtl8139")},
            "domain 'vm1': 9 NICs need a conventional PCI slot, there are 8",
            "virtio is PCI Express",
        ),
        (
            {"interfaces": nics(17), "machine": "pc"},
            "domain 'vm1': 17 NICs are too many, there are 16",
            "several",
        ),
        (
            {"interfaces": [InterfaceSpec(network=n, mac="52:54:00:00:00:01") for n in ("a", "b")]},
            "domain 'vm1': MAC address 52:54:00:00:00:01 occurs twice",
            "leave it out",
        ),
        (
            {"interfaces": [InterfaceSpec(network=n, target="tap0") for n in ("a", "b")]},
            "domain 'vm1': tap name tap0 occurs twice",
            "leave it out",
        ),
        (
            {"interfaces": [InterfaceSpec(network="a", address="10.0.0.2")] * 2},
            "domain 'vm1': address 10.0.0.2 of a occurs twice",
            "leave it out",
        ),
    ],
)
def test_bad_input_is_refused_with_object_and_remedy(
    options: dict[str, object], message: str, hint: str
) -> None:
    given = {"name": "vm1", **options}

    with pytest.raises(SpecError) as caught:
        DomainSpec(**given)  # type: ignore[arg-type]

    assert message in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DirectBoot(kernel=Path("k"), initrd=Path("/i"), root=Path("/r")),
            "kernel 'k' is a relative path",
        ),
        (lambda: DiskBoot(disk=Path("d")), "disk 'd' is a relative path"),
        (lambda: CloudImage(image=Path("~/i.qcow2")), "cloud image '~/i.qcow2' is a relative path"),
        (lambda: CloudImage(image=Path("/i"), ssh_key="a\nb"), "the ssh key has more than one line"),
        (lambda: DiskBoot(disk=Path("/d"), seed=Path("s")), "seed 's' is a relative path"),
        (lambda: DiskBoot(disk=Path("/d"), disk_format="vdi"), "disk format 'vdi' is unknown"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_booted_is_refused(make: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()  # type: ignore[operator]


def test_without_image_and_boot_there_is_nothing_to_boot() -> None:
    with pytest.raises(SpecError, match="domain 'vm1' has nothing to boot"):
        DomainSpec(name="vm1").to_xml(lab="nat", accelerator="tcg")


def test_a_cloud_image_is_not_booted_without_a_disk_of_its_own() -> None:
    spec = DomainSpec(name="vm1", boot=CloudImage(image=Path("/i.qcow2")))

    with pytest.raises(SpecError, match="'vm1': its disk is not made yet") as caught:
        spec.to_xml(lab="nat", accelerator="tcg")

    assert "Lab.define()" in caught.value.hint


def test_eight_nics_of_each_kind_fit() -> None:
    spec = DomainSpec(name="vm1", interfaces=nics(8) + nics(8, model="rtl8139"))

    assert len(spec.interfaces) == 16


def test_one_address_may_be_reserved_in_two_networks() -> None:
    interfaces = [InterfaceSpec(network=n, address="10.0.0.2") for n in ("a", "b")]

    assert len(DomainSpec(name="vm1", interfaces=interfaces).interfaces) == 2


def test_the_uuid_follows_from_lab_and_name() -> None:
    vm1, vm2 = DomainSpec(name="vm1"), DomainSpec(name="vm2")

    assert vm1.uuid("nat") == DomainSpec(name="vm1", memory_mib=512).uuid("nat")
    assert len({vm1.uuid("nat"), vm1.uuid("lan"), vm2.uuid("nat")}) == 3


def test_a_description_given_a_list_can_still_be_hashed() -> None:
    spec = DomainSpec(name="vm1", interfaces=[InterfaceSpec(network="blue")], qemu_args=["-S"])

    assert hash(spec) == hash(DomainSpec(name="vm1", interfaces=nics(1), qemu_args=("-S",)))
