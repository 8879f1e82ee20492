"""Images are built from packages; whatever interrupts a build, there is a whole image or an error."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kvmlab import image as images
from kvmlab.errors import ExecutableNotFound, ImageError
from kvmlab.image import Image, recipe, store
from tests.image import small_distribution
from tests.image.building import in_time, processes_of, started

pytestmark = pytest.mark.host

#: Steps of a build, the first while mmdebstrap runs.
STEPS = [
    "fetching packages",
    "fetching small-kernel",
    "unpacking packages",
    "sorting files",
    "packing the root file system",
    "packing the kernel",
]


class Recorded:
    """Remembers the steps that it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float | None]] = []

    def step(self, text: str, *, done: float | None = None) -> None:
        self.steps.append((text, done))


def folders(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "images").iterdir() if path.is_dir())


def test_an_image_is_built_from_packages(built: Image) -> None:
    images.verify(built)

    assert built.kernel_version == small_distribution.VERSION
    assert images.read_manifest(built)["packages"] == {"small-kernel": "1.0", "small-tools": "1.0"}
    assert [path.name for path in built.path.parent.iterdir() if path.is_dir()] == [built.name]


def test_the_kernel_of_the_image_can_be_started_directly(built: Image) -> None:
    assert built.kernel.read_bytes()[:4] == b"\x7fELF"
    assert built.cmdline.startswith("console=")


def test_everything_in_the_root_file_system_is_roots(built: Image) -> None:
    line = ["unsquashfs", "-lls", str(built.root)]

    done = subprocess.run(line, capture_output=True, text=True, check=True)

    entries = [entry.split() for entry in done.stdout.splitlines()]
    assert [entry for entry in entries if entry[1] != "root/root"] == []
    assert entries[0][0] == "drwxr-xr-x"
    assert "squashfs-root/usr/bin/ip" in [entry[5] for entry in entries]


def test_the_first_boot_stage_has_its_modules_in_order(built: Image, tmp_path: Path) -> None:
    with built.initrd.open("rb") as stream:
        subprocess.run(["cpio", "--extract", "--quiet"], cwd=tmp_path, stdin=stream, check=True)

    order = (tmp_path / "modules/order").read_text().split()
    assert order == ["virtio.ko", "virtio_pci.ko", "virtio_blk.ko", "squashfs.ko"]
    assert {path.name for path in (tmp_path / "modules").glob("*.ko")} == set(order)
    assert os.access(tmp_path / "init", os.X_OK)


def test_the_steps_are_told_with_a_growing_share(cache: Path, small_sources: str) -> None:
    told = Recorded()

    images.build_image(sources=[small_sources], progress=told)

    assert [text for text, _ in told.steps if text in STEPS] == STEPS
    shares = [share for _, share in told.steps if share is not None]
    assert shares == sorted(shares)


def test_the_same_recipe_is_not_built_again(old: Image) -> None:
    told = Recorded()

    found = images.build_image(sources=["nowhere"], progress=told)

    assert found == old
    assert told.steps == []


def test_another_recipe_is_built_beside_the_old_image(
    old: Image, small_sources: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "CMDLINE", "quiet another=1")

    new = images.build_image(sources=[small_sources])

    assert new.cmdline.endswith("another=1")
    assert {image.name for image in images.list_images()} == {old.name, new.name}
    assert images.find_image() == new


def test_an_image_of_another_version_is_not_taken_unless_it_is_named(
    old: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "FORMAT", recipe.FORMAT + 1)

    with pytest.raises(ImageError, match=f"'{old.name}' was made by another version") as caught:
        images.find_image()

    assert "kvmlab image build" in caught.value.hint
    assert images.find_image(old.name) == old


def test_a_build_that_is_forced_takes_the_place_of_the_old_image(
    cache: Path, old: Image, small_sources: str
) -> None:
    old.kernel.write_text("damaged")

    new = images.build_image(sources=[small_sources], force=True)

    images.verify(new)
    assert (new.name, folders(cache)) == (old.name, [old.name])


def test_an_image_whose_manifest_is_damaged_is_built_anew(
    cache: Path, old: Image, small_sources: str
) -> None:
    (old.path / store.MANIFEST).write_text("")

    images.verify(images.build_image(sources=[small_sources]))

    assert folders(cache) == [old.name]


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_build_leaves_the_old_image_and_the_next_one_cleans_up(
    step: str, cache: Path, old: Image, small_sources: str
) -> None:
    with started(small_sources, "force") as build:
        build.go_until(step)
        build.signal(signal.SIGKILL)
        build.process.wait()

    assert in_time(lambda: processes_of(cache) == [])
    images.verify(images.find_image())
    assert images.find_image() == old
    assert len(folders(cache)) == 2
    assert images.build_image(sources=["nowhere"]) == old
    assert folders(cache) == [old.name]


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_build_leaves_the_old_image_and_nothing_else(
    step: str, cache: Path, old: Image, small_sources: str
) -> None:
    with started(small_sources, "force") as build:
        build.go_until(step)
        build.signal(signal.SIGINT)
        assert build.go_to_the_end()[-1] == "interrupted"

    assert in_time(lambda: processes_of(cache) == [])
    assert images.find_image() == old
    assert folders(cache) == [old.name]


def test_a_second_build_waits_for_the_first_and_takes_its_image(cache: Path, small_sources: str) -> None:
    with started(small_sources) as first:
        first.go_until("packing the kernel")
        with started(small_sources) as second:
            assert second.next_step() == "waiting for another build to end"
            second.go_on()
            first.go_on()
            built = first.go_to_the_end()[-1]

            assert second.next_step() == built == f"built {images.find_image().name}"


def test_packages_that_cannot_be_fetched_are_an_error(cache: Path) -> None:
    with pytest.raises(ImageError, match=r"could not be built: .*nowhere") as caught:
        images.build_image(sources=["deb [trusted=yes] copy:/nowhere bookworm main"])

    assert "apt-get update" in caught.value.hint
    assert folders(cache) == []


def test_packages_without_a_kernel_are_an_error(cache: Path, tmp_path: Path) -> None:
    sources = small_distribution.make(tmp_path / "debian", kernel=False)

    with pytest.raises(ImageError, match="no kernel is in the packages"):
        images.build_image(sources=[sources])

    assert folders(cache) == []


def on_a_disk(cache: Path, *, mib: int) -> tuple[str, ...]:
    """Prefix that gives a build a small disk of its own, and prints what is left on it in the end."""
    script = f'mount -t tmpfs -o size={mib}m tmpfs "{cache}"; "$@"; cd "{cache}" && find . -mindepth 1 | sort'
    own = ["--user", "--map-root-user", "--map-auto"] if os.geteuid() else []
    return ("unshare", *own, "--mount", "sh", "-c", script, "sh")


@pytest.mark.parametrize("mib", [4, 20, 40])
def test_a_disk_that_is_too_small_is_named_and_nothing_is_left(
    mib: int, cache: Path, large_sources: str
) -> None:
    with started(large_sources, prefix=on_a_disk(cache, mib=mib)) as build:
        *_, error, folder, lock = build.go_to_the_end()

    assert error.startswith("ImageError guest image")
    assert f"the disk that holds {cache}/images is full" in error
    assert [folder, lock] == ["./images", "./images/.lock"]


@pytest.mark.parametrize("step", ["sorting files", "packing the root file system", "packing the kernel"])
def test_a_disk_that_fills_up_is_named_and_nothing_is_left(
    step: str, cache: Path, small_sources: str
) -> None:
    with started(small_sources, prefix=on_a_disk(cache, mib=64)) as build:
        build.go_until(step)
        build.go_on("fill")
        *_, error, filler, folder, lock = build.go_to_the_end()

    assert f"the disk that holds {cache}/images is full" in error
    assert "KVMLAB_CACHE_DIR" in error
    assert [filler, folder, lock] == ["./filler", "./images", "./images/.lock"]


def test_a_missing_program_is_named_before_anything_is_fetched(cache: Path) -> None:
    hide = 'mount --bind /dev/null "$(command -v sqfstar)"; exec "$@"'
    own = ["--user", "--map-root-user"] if os.geteuid() else []
    code = "from kvmlab.image import build_image; build_image(sources=[])"
    line = ["unshare", *own, "--mount", "sh", "-c", hide, "sh", sys.executable, "-c", code]

    done = subprocess.run(line, capture_output=True, text=True, check=False)

    assert f"{ExecutableNotFound.__name__}: program 'sqfstar' is not installed" in done.stderr
    assert folders(cache) == []


@pytest.mark.root
def test_real_root_builds_an_image_too(cache: Path, small_sources: str) -> None:
    images.verify(images.build_image(sources=[small_sources]))
