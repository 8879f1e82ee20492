"""The files that a lab starts with, and the places that it hides."""

from pathlib import Path

import pytest

from kvmlab.host import mounts


def test_a_labs_files_are_prepared(tmp_path: Path) -> None:
    lab_dir, cache = tmp_path / "nat", tmp_path / "cache/libvirt"
    lab_dir.mkdir()

    mounts.prepare_files(lab_dir, cache)

    assert {f"{lab_dir / source}" for source in mounts.BINDS.values()} <= {
        str(path) for path in lab_dir.rglob("*") if path.is_dir()
    }
    assert (lab_dir / "libvirt-cache").resolve() == cache
    assert (lab_dir / "resolv.conf").read_text() == "nameserver 192.168.1.1\n"
    assert "192.168.1.10 nat\n" in (lab_dir / "hosts").read_text()


def test_a_relative_cache_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lab_dir = tmp_path / "nat"
    lab_dir.mkdir()

    mounts.prepare_files(lab_dir, Path("cache"))

    assert (lab_dir / "libvirt-cache").resolve() == tmp_path / "cache"


@pytest.mark.parametrize(
    ("path", "point"),
    [
        ("/run/user/1000/labs", "/run"),
        ("/var/run/labs", "/run"),
        ("/dev/shm/labs", "/dev/shm"),
        ("/var/lib/libvirt/images/disk.qcow2", "/var/lib/libvirt"),
        ("/var/cache/libvirt", "/var/cache/libvirt"),
        ("/etc/libvirt/../libvirt/qemu.conf", "/etc/libvirt"),
    ],
)
def test_a_place_that_a_lab_has_of_its_own_hides_the_machines(path: str, point: str) -> None:
    assert mounts.hidden_by(Path(path)) == point


@pytest.mark.parametrize("path", ["/home/learner", "/runner", "/var/lib/libvirtx", "/tmp", "/"])
def test_other_places_are_seen_in_a_lab(path: str) -> None:
    assert mounts.hidden_by(Path(path)) is None
