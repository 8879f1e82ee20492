"""The older driver on QEMU's card, against its will."""

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import CommandError, GuestError
from kvmlab.nics.forcing import revision_check
from kvmlab.virt.domain import Domain

#: As compiled for Debian 12: movzbl 0x48(%r12),%r8d; cmp $0x1f,%r8b; ja; cmpl $0x8139168c,0x40(%r12).
CHECK = bytes.fromhex("450fb6442448 4180f81f 0f8700000000 41817c24408c163981 0f8545fdffff")


@pytest.mark.vm
def test_forced_it_drives_the_card_with_its_own_limits(guest: Domain) -> None:
    said = kl.force_8139too(guest)

    assert "ff instead of 1f" in said
    assert [nic.driver for nic in guest.nics()] == ["8139too"]
    assert kl.ping(guest, "192.168.50.1", count=5).loss < 1
    with pytest.raises(CommandError, match="mtu greater than device maximum"):
        guest.run(["ip", "link", "set", "dev", "eth0", "mtu", "1771"])


@pytest.mark.vm
def test_a_guest_without_the_card_is_left_as_it_is(lab: kl.Lab) -> None:
    nic = kl.InterfaceSpec(network="blue", model="virtio")
    other = lab.define(kl.DomainSpec(name="vm2", interfaces=[nic])).start(progress=Silent())

    with pytest.raises(GuestError, match="no NIC of model rtl8139"):
        kl.force_8139too(other)

    assert "8139too" not in other.run(["cat", "/proc/modules"]).stdout
    other.destroy()
    other.undefine()


def test_the_comparison_is_found_beside_the_device_id() -> None:
    module = bytes(500) + CHECK + bytes(500)

    assert revision_check(module) == 500 + CHECK.index(b"\x1f")


@pytest.mark.parametrize(
    "module",
    [b"", bytes(500), CHECK.replace(b"\x39\x81", b"\x00\x00"), CHECK + CHECK],
    ids=["empty", "nothing", "another device", "twice"],
)
def test_where_it_is_not_clear_nothing_is_changed(module: bytes) -> None:
    assert revision_check(module) is None
