"""The /dev of a lab as real root: its own nodes for its own macvtaps."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab._run import LocalRunner
from kvmlab.host import devices
from tests.commands.stations import in_time

#: Says which device a node is, and which the kernel says that the macvtap has.
LOOK = 'stat --format=%Hr:%Lr "/dev/$1"; cat "/sys/class/macvtap/$1/dev"'
MACVTAP = ("ip", "link", "add", "link", "enp2s0", "name", "direct", "type", "macvtap")


def test_who_may_not_make_nodes_is_told_apart(tmp_path: Path) -> None:
    assert devices.may_make_nodes(tmp_path) is (os.geteuid() == 0)
    assert list(tmp_path.iterdir()) == []


def test_messages_of_the_kernel_are_read() -> None:
    told = devices.read(b"remove@/devices/virtual/net/direct/tap7\0ACTION=remove\0MAJOR=246\0DEVNAME=tap7\0")

    assert told == {"ACTION": "remove", "MAJOR": "246", "DEVNAME": "tap7"}


@pytest.mark.root
def test_a_node_that_is_there_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "tap4").write_text("of another")

    devices.make(tmp_path / "tap4", os.makedev(1, 3))

    found = (tmp_path / "tap4").stat()
    assert (stat.S_ISCHR(found.st_mode), stat.S_IMODE(found.st_mode)) == (True, 0o600)
    assert (os.major(found.st_rdev), os.minor(found.st_rdev)) == (1, 3)


@pytest.fixture
def labs() -> Iterator[tuple[kl.Lab, kl.Lab]]:
    with (
        kl.Lab.start("devices-1", progress=Silent()) as one,
        kl.Lab.start("devices-2", progress=Silent()) as other,
    ):
        yield one, other


@pytest.mark.root
@pytest.mark.host
def test_two_labs_do_not_share_the_node_of_a_macvtap(labs: tuple[kl.Lab, kl.Lab]) -> None:
    found = []
    for lab in labs:
        lab.host.run(MACVTAP)
        name = f"tap{lab.host.run(['cat', '/sys/class/net/direct/ifindex']).stdout.strip()}"
        assert in_time(lambda lab=lab, name=name: exists(lab.host, name))
        found.append(lab.host.run(["sh", "-c", LOOK, "sh", name]).stdout.split())

    (own, said), (others, others_said) = found
    assert own == said
    assert others == others_said
    assert own != others


@pytest.mark.root
@pytest.mark.host
def test_the_node_goes_with_its_macvtap(labs: tuple[kl.Lab, kl.Lab]) -> None:
    lab, _ = labs
    lab.host.run(MACVTAP)
    name = f"tap{lab.host.run(['cat', '/sys/class/net/direct/ifindex']).stdout.strip()}"
    assert in_time(lambda: exists(lab.host, name))

    lab.host.run(["ip", "link", "delete", "dev", "direct"])

    assert in_time(lambda: not exists(lab.host, name))
    assert not Path("/dev", name).exists()


def exists(host: LocalRunner, name: str) -> bool:
    return host.run(["test", "-c", f"/dev/{name}"], check=False).returncode == 0
