"""Images are found, checked, exchanged and removed."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kvmlab import image as images
from kvmlab.errors import ImageError
from kvmlab.image import store


def put(cache: Path, name: str, *, built: str = "2026-01-01T00:00:00+00:00", recipe: str = "r") -> Path:
    """An image of three small files with their manifest."""
    folder = cache / "images" / name
    folder.mkdir(parents=True)
    for file in store.FILES:
        (folder / file).write_text(f"{file} of {name}")
    files = {file: store.file_entry(folder / file) for file in store.FILES}
    manifest = {
        "kernel_version": "6.1.0",
        "built": built,
        "digest": store.content_digest(files),
        "recipe": recipe,
        "cmdline": "quiet",
        "files": files,
    }
    (folder / store.MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_images_are_listed_the_newest_first(cache: Path) -> None:
    put(cache, "old", built="2025-01-01T00:00:00+00:00")
    put(cache, "new", built="2026-01-01T00:00:00+00:00")

    assert [image.name for image in store.list_images()] == ["new", "old"]


def test_an_image_that_is_being_built_is_no_image(cache: Path) -> None:
    put(cache, f"{store.UNFINISHED}debian-12-abc")

    assert list(store.list_images()) == []


def test_the_image_of_the_recipe_is_preferred_to_a_newer_one(cache: Path) -> None:
    put(cache, "wanted", built="2025-01-01T00:00:00+00:00", recipe="mine")
    put(cache, "newer", recipe="other")

    assert store.find_image(recipe="mine").name == "wanted"
    assert store.find_image(recipe="nobody's").name == "newer"
    assert store.find_image("newer", recipe="mine").name == "newer"


def test_without_an_image_the_remedy_is_named(cache: Path) -> None:
    with pytest.raises(ImageError, match="no guest image yet") as caught:
        store.find_image()

    assert "kvmlab image build" in caught.value.hint


@pytest.mark.parametrize("action", [images.find_image, images.remove_image])
@pytest.mark.parametrize("name", ["nobody", "../images", "", "."])
def test_an_unknown_name_is_refused_with_the_known_ones(
    action: Callable[[str], object], name: str, cache: Path
) -> None:
    put(cache, "debian-12")

    with pytest.raises(ImageError, match="there is no guest image") as caught:
        action(name)

    assert caught.value.hint == "there are: debian-12"
    assert (cache / "images/debian-12").is_dir()


def test_a_whole_image_is_verified(cache: Path) -> None:
    put(cache, "debian-12")

    images.verify(images.find_image("debian-12"))


@pytest.mark.parametrize("file", store.FILES)
def test_a_damaged_file_is_named(file: str, cache: Path) -> None:
    path = put(cache, "debian-12") / file
    content = bytearray(path.read_bytes())
    content[0] ^= 1  # one bit
    path.write_bytes(content)

    with pytest.raises(ImageError, match=f"{path} is damaged") as caught:
        images.verify(images.find_image("debian-12"))

    assert "kvmlab image build --force" in caught.value.hint


def test_a_missing_file_is_named(cache: Path) -> None:
    path = put(cache, "debian-12") / "kernel"
    path.unlink()

    with pytest.raises(ImageError, match=f"{path} is missing"):
        images.verify(images.find_image("debian-12"))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"files": 3}', "\0"])
def test_an_unreadable_manifest_is_named_and_the_image_can_be_removed(text: str, cache: Path) -> None:
    folder = put(cache, "debian-12")
    (folder / store.MANIFEST).write_text(text)

    with pytest.raises(ImageError, match="manifest of guest image 'debian-12' cannot be read") as caught:
        images.list_images()

    assert "kvmlab image remove debian-12" in caught.value.hint
    images.remove_image("debian-12")
    assert list(images.list_images()) == []


def test_only_the_named_image_is_removed(cache: Path) -> None:
    put(cache, "one")
    put(cache, "other")

    images.remove_image("one")

    assert [image.name for image in images.list_images()] == ["other"]


def test_what_runs_from_a_removed_image_keeps_its_file(cache: Path) -> None:
    with (put(cache, "debian-12") / "kernel").open() as stream:
        images.remove_image("debian-12")

        assert stream.read() == "kernel of debian-12"


def exchange(cache: Path) -> None:
    """Put a new image in the place of the one that is there."""
    new = put(cache, f"{store.UNFINISHED}debian-12-x")
    store.put_in_place(new, cache / "images/debian-12")


def test_a_new_image_takes_the_place_of_the_old_one(cache: Path) -> None:
    put(cache, "debian-12")

    exchange(cache)

    assert (cache / "images/debian-12/kernel").read_text() == "kernel of .building-debian-12-x"
    assert [path.name for path in (cache / "images").iterdir()] == ["debian-12"]


def test_where_the_file_system_cannot_exchange_it_is_done_in_steps(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, "debian-12")
    monkeypatch.setattr(store, "_RENAME_EXCHANGE", 1 << 20)  # a flag that no kernel knows

    exchange(cache)

    assert (cache / "images/debian-12/kernel").read_text() == "kernel of .building-debian-12-x"
    assert [path.name for path in (cache / "images").iterdir()] == ["debian-12"]


def test_there_is_an_image_at_each_moment_of_an_exchange(cache: Path) -> None:
    put(cache, "debian-12")
    found, ended = [], threading.Event()

    def look() -> None:
        while not ended.is_set():
            found.append((cache / "images/debian-12/kernel").exists())

    watch = threading.Thread(target=look)
    watch.start()
    for _ in range(100):
        exchange(cache)
    ended.set()
    watch.join()

    assert len(found) > 100
    assert all(found)
