"""Which kernel modules an image keeps, unpacked, with their index."""

import lzma
import shutil
from pathlib import Path

import pytest

from kvmlab.errors import ImageError
from kvmlab.image import modules
from tests.image.small_distribution import MODULES, VERSION, kernel_files

#: The last line of a signed module (Linux, include/linux/module_signature.h).
SIGNED = b"~Module signature appended~\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in kernel_files(tmp_path / "build").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def test_what_lessons_need_is_kept_unpacked_and_the_rest_deleted(folder: Path) -> None:
    modules.keep_selected(folder, VERSION)

    home = folder / "lib/modules" / VERSION / "kernel"
    left = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert left == {f"{name}.ko" for name in MODULES if "wireless" not in name}
    assert {path.read_bytes()[:4] for path in home.rglob("*.ko")} == {b"\x7fELF"}


def test_what_a_kept_module_needs_is_kept_wherever_it_is(folder: Path) -> None:
    kept = modules.keep_selected(folder, VERSION)

    assert kept["net/8021q/8021q"] == ["sound/soundcore"]
    assert kept["sound/soundcore"] == []


def test_the_index_has_what_is_left_under_its_new_names(folder: Path) -> None:
    modules.keep_selected(folder, VERSION)

    index = (folder / "lib/modules" / VERSION / "modules.dep").read_text()
    assert "kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko\n" in index
    assert ".ko." not in index
    assert "radio" not in index


def test_a_module_loses_its_signature_and_nothing_else(folder: Path) -> None:
    path = next((folder / "lib/modules" / VERSION / "kernel").rglob("virtio_blk.ko*"))
    plain = path.with_name("virtio_blk.ko")
    content = plain.read_bytes() if path == plain else lzma.decompress(path.read_bytes())
    path.unlink()
    plain.write_bytes(content + bytes(500) + bytes(8) + (500).to_bytes(4, "big") + SIGNED)

    modules.keep_selected(folder, VERSION)

    assert plain.read_bytes() == content


def test_a_kernel_without_modules_is_refused(folder: Path) -> None:
    home = folder / "lib/modules" / VERSION
    shutil.rmtree(home)
    home.mkdir()

    with pytest.raises(ImageError, match=f"kernel {VERSION} came without modules"):
        modules.keep_selected(folder, VERSION)


def test_each_module_is_loaded_after_what_it_needs() -> None:
    needs = {"a/top": ["b/mid", "c/low"], "b/mid": ["c/low"], "c/low": [], "d/vm-net": []}

    assert modules.load_order(["vm_net", "top", "mid"], needs) == ["d/vm-net", "c/low", "b/mid", "a/top"]
