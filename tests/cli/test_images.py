"""Guest images from the command line, on small files that are laid out as an image is."""

import json
import shutil
from pathlib import Path

import pytest

from kvmlab import _paths
from kvmlab.image import recipe, store
from tests.cli.conftest import Run

NAME = "debian-12-01234567"
TEMPLATES = _paths.personal_cache_dir().relative_to(_paths.cache_dir()) / "templates"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image in a cache of its own; the manifest is as the build writes it."""
    folder = tmp_path / "images" / NAME
    folder.mkdir(parents=True)
    for name in store.FILES:
        (folder / name).write_bytes(name.encode() * 100)
    files = {name: store.file_entry(folder / name) for name in store.FILES}
    manifest = {
        "kernel_version": "6.1.0-1-amd64",
        "built": "2025-01-02T03:04:05+00:00",
        "digest": store.content_digest(files),
        "recipe": "01234567",
        "format": recipe.FORMAT,
        "cmdline": "console=ttyS0",
        "files": files,
    }
    (folder / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_without_an_image_the_list_says_how_to_build_one(kvmlab: Run, tmp_path: Path) -> None:
    done = kvmlab("image", "list", KVMLAB_CACHE_DIR=str(tmp_path))

    assert (done.returncode, done.stdout) == (0, "no image; build one with: kvmlab image build\n")


def test_images_are_listed_for_scripts(kvmlab: Run, tmp_path: Path, image: Path) -> None:
    done = kvmlab("image", "list", "--json", KVMLAB_CACHE_DIR=str(tmp_path))

    assert [(row["name"], row["path"]) for row in json.loads(done.stdout)] == [(NAME, str(image))]


def test_an_image_is_shown_with_its_checksums(kvmlab: Run, tmp_path: Path, image: Path) -> None:
    done = kvmlab("image", "show", KVMLAB_CACHE_DIR=str(tmp_path))

    assert "checksums are right" in done.stdout
    assert store.file_entry(image / "initrd")["sha256"] in done.stdout


def test_a_damaged_image_is_not_shown_but_named(kvmlab: Run, tmp_path: Path, image: Path) -> None:
    (image / "initrd").write_bytes(b"something else")

    done = kvmlab("image", "show", NAME, KVMLAB_CACHE_DIR=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{image / 'initrd'} is damaged" in done.stderr
    assert "kvmlab image build --force" in done.stderr


def test_an_image_is_removed_by_its_name(kvmlab: Run, tmp_path: Path, image: Path) -> None:
    done = kvmlab("image", "remove", NAME, KVMLAB_CACHE_DIR=str(tmp_path))

    assert done.stdout == f"image {NAME} is removed\n"
    assert not image.exists()


def test_an_image_that_is_not_there_cannot_be_removed(kvmlab: Run, tmp_path: Path) -> None:
    done = kvmlab("image", "remove", "nosuch", KVMLAB_CACHE_DIR=str(tmp_path))

    assert done.returncode == 1
    assert "'nosuch'" in done.stderr


def test_what_is_old_is_told_with_its_size_and_removed(kvmlab: Run, tmp_path: Path, image: Path) -> None:
    shutil.copytree(image, image.with_name("debian-11-old"))
    manifest = json.loads((image / store.MANIFEST).read_text()) | {"built": "2025-06-01T00:00:00+00:00"}
    (image / store.MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / TEMPLATES / "0123").mkdir(parents=True)
    env = {"KVMLAB_CACHE_DIR": str(tmp_path)}

    listed = kvmlab("image", "list", **env).stdout.splitlines()
    removed = kvmlab("image", "remove", "--old", **env).stdout

    assert [line.split()[0] for line in listed if line.startswith("debian")] == [NAME, "debian-11-old"]
    assert " old " in next(line for line in listed if "debian-11-old" in line)
    assert listed[-1].endswith("remove it with: kvmlab image remove --old")
    assert removed == "removed: 1 image and 1 saved guest, 0 MiB\n"
    assert [path.name for path in tmp_path.glob("images/*")] == [NAME]
    assert list((tmp_path / TEMPLATES).iterdir()) == []


def test_saved_guests_are_listed_for_scripts(kvmlab: Run, tmp_path: Path) -> None:
    (tmp_path / TEMPLATES / "0123").mkdir(parents=True)

    done = kvmlab("image", "list", "--templates", "--json", KVMLAB_CACHE_DIR=str(tmp_path))

    assert [(row["name"], row["size_mib"]) for row in json.loads(done.stdout)] == [("0123", 0)]


def test_it_is_said_what_is_to_be_removed(kvmlab: Run) -> None:
    for arguments in ([], ["debian-12", "--old"], ["--old", "--templates"]):
        assert "name an image, or give --old or --templates" in kvmlab("image", "remove", *arguments).stderr


def test_saved_guests_are_removed_and_images_stay(kvmlab: Run, tmp_path: Path, image: Path) -> None:
    (tmp_path / TEMPLATES / "0123").mkdir(parents=True)

    done = kvmlab("image", "remove", "--templates", KVMLAB_CACHE_DIR=str(tmp_path))

    assert done.returncode == 0
    assert not (tmp_path / TEMPLATES).exists()
    assert image.exists()
