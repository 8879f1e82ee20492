"""Saved guests in the cache: which are there, and which of them nothing can start from any more."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kvmlab.virt import saved, template
from kvmlab.virt.origin import Origin, TemplateKey, files_digest

QEMU = 7_002_017


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KVMLAB_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def origin(cache: Path) -> Origin:
    """What a guest was saved from: two files of an image."""
    folder = cache / "images/debian-12-abc"
    folder.mkdir(parents=True)
    files = [str(folder / name) for name in ("kernel", "initrd")]
    for file in files:
        Path(file).write_text("boot me")
    key = TemplateKey(
        image=files_digest(files),
        machine="q35",
        accelerator="tcg",
        memory_mib=256,
        vcpus=1,
        qemu=QEMU,
        devices="d",
    )
    return Origin(key, tuple(files))


def save(cache: Path, name: str, origin: Origin | None) -> Path:
    folder = saved.templates_dir() / name
    folder.mkdir(parents=True)
    (folder / "state").write_bytes(bytes(100_000))
    with (folder / "ram").open("wb") as ram:
        ram.truncate(256 << 20)
        ram.write(os.urandom(3 << 20))
    if origin is not None:
        origin.write(folder)
    return folder


def outdated() -> str:
    (found,) = saved.list_saved(qemu=QEMU)
    return found.outdated


def test_a_saved_guest_is_shown_with_its_image_and_the_disk_that_it_takes(
    cache: Path, origin: Origin
) -> None:
    save(cache, "abc", origin)

    (found,) = saved.list_saved(qemu=QEMU)

    assert (found.name, found.image, found.memory_mib) == ("abc", "debian-12-abc", 256)
    assert found.size_mib == 3  # not the 256 of its memory, most of which is a hole
    assert found.outdated == ""


@pytest.mark.parametrize(("change", "why"), [("gone", "is gone"), ("other", "built anew")])
def test_it_is_outdated_when_its_image_is_another(cache: Path, origin: Origin, change: str, why: str) -> None:
    save(cache, "abc", origin)
    if change == "gone":
        Path(origin.files[0]).unlink()
    else:
        Path(origin.files[0]).write_text("something else")

    assert why in outdated()


def test_it_is_outdated_when_qemu_is_another(cache: Path, origin: Origin) -> None:
    save(cache, "abc", replace(origin, key=replace(origin.key, qemu=7_002_011)))

    assert outdated() == "QEMU is 7.2.17 now, and it was saved by 7.2.11"


@pytest.mark.parametrize("content", [None, "", "{}", '{"key": {}, "files": []}', "[]"])
def test_it_is_outdated_when_it_does_not_say_what_it_is(cache: Path, content: str | None) -> None:
    folder = save(cache, "abc", None)
    if content is not None:
        (folder / "origin.json").write_text(content)

    assert "another version of kvmlab" in outdated()


def test_one_that_is_being_made_is_neither_listed_nor_removed(cache: Path) -> None:
    folder = save(cache, f"abc{template._UNFINISHED}x", None)
    with template._locked(template._lock_path(folder)):
        assert saved.list_saved(qemu=QEMU) == []
        template.discard(folder)
        assert folder.exists()

    (left,) = saved.list_saved(qemu=QEMU)
    saved.remove(left)

    assert list(saved.templates_dir().iterdir()) == []


@pytest.mark.host
def test_the_installed_qemu_is_counted_as_libvirt_does() -> None:
    import libvirt

    counted = libvirt.open("test:///default").getLibVersion()  # of the same form

    assert 5_000_000 < saved.installed_qemu() < 100_000_000
    assert counted > 5_000_000
