"""Devices, memory and disk: what is observed, and the exact fix."""

from pathlib import Path

import pytest

from kvmlab.doctor import machine

OPEN_TUN = (
    'echo \'KERNEL=="tun", MODE="0666", OPTIONS+="static_node=net/tun"\''
    " | sudo tee /etc/udev/rules.d/80-kvmlab-tun.rules && sudo chmod 0666 /dev/net/tun"
)
MEMINFO = "MemTotal:       24684044 kB\nMemFree:        21000000 kB\nMemAvailable:   2097152 kB\n"


def memory(limit: str) -> int:
    return machine.available_mib({"/proc/meminfo": MEMINFO, "/sys/fs/cgroup/memory.max": limit})


@pytest.mark.parametrize(("limit", "mib"), [("", 2048), ("max\n", 2048), ("1073741824\n", 1024)])
def test_memory_is_what_the_kernel_and_a_container_leave(limit: str, mib: int) -> None:
    assert memory(limit) == mib


@pytest.mark.parametrize(("mib", "outcome"), [(4096, "ok"), (1024, "warning"), (100, "missing")])
def test_memory_is_judged_by_what_guests_take(mib: int, outcome: str) -> None:
    assert machine.memory_check(mib).outcome == outcome


@pytest.mark.parametrize(
    ("refusal", "fix"),
    [
        (
            "No such file or directory",
            "sudo modprobe tun; [ -e /dev/net/tun ] || sudo mknod -m 0666 /dev/net/tun c 10 200",
        ),
        (
            "Permission denied",
            OPEN_TUN,
        ),
        ("Operation not permitted", "in a container its engine decides: start it with --device /dev/net/tun"),
    ],
)
def test_a_tun_device_that_does_not_open_is_missing_with_its_fix(refusal: str, fix: str) -> None:
    found = machine.tun_check(refusal)

    assert (found.outcome, found.observed, found.fix) == ("missing", refusal, fix)


def test_vhost_is_a_limitation_only() -> None:
    assert machine.vhost_check("No such file or directory").outcome == "warning"
    assert machine.vhost_check("").outcome == "ok"


def test_devices_are_really_opened(tmp_path: Path) -> None:
    assert machine.try_device("/dev/null") == ""
    assert machine.try_device(str(tmp_path / "kvm")) == "No such file or directory"


def test_a_directory_that_does_not_exist_yet_is_judged_by_its_disk(tmp_path: Path) -> None:
    (found,) = machine.disk_checks({"state": tmp_path / "not/yet"})

    assert "MiB free" in found.observed
    assert not (tmp_path / "not").exists()


def test_a_directory_that_cannot_be_written_is_missing() -> None:
    (found,) = machine.disk_checks({"cache": Path("/proc/kvmlab")})

    assert found.outcome == "missing"
    assert "KVMLAB_CACHE_DIR" in found.fix


@pytest.mark.parametrize(("count", "outcome"), [(1, "warning"), (2, "ok")])
def test_one_processor_is_a_limitation(count: int, outcome: str) -> None:
    assert machine.cores_check(count).outcome == outcome
