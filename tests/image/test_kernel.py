"""An ELF kernel comes out of a bzImage, however it is packed, or an error names what is wrong."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from kvmlab.errors import ImageError
from kvmlab.image import kernel
from tests.image.small_distribution import bzimage, compiled, packed, size_of


@pytest.fixture
def elf(tmp_path: Path) -> bytes:
    return compiled(tmp_path / "build", "kernel", "int main;")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "vmlinuz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packing", [".xz", ".zst", ".gz"])
def test_a_kernel_is_unpacked(packing: str, elf: bytes, tmp_path: Path) -> None:
    tail = b"" if packing == ".gz" else size_of(elf)
    source = written(tmp_path, bzimage(packed(elf, packing) + tail))

    kernel.extract(source, tmp_path / "kernel", kernel_format="bzimage")

    assert (tmp_path / "kernel").read_bytes() == elf
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "kernel", "vmlinuz"]


def test_no_number_of_setup_sectors_means_four() -> None:
    image = bytearray(bzimage(b"payload"))
    image[0x1F1] = 0

    moved = image[: 4 * 512] + bytes(512) + image[4 * 512 :]

    assert kernel.payload(bytes(moved)) == b"payload"


def test_the_program_for_lz4_is_known() -> None:
    assert kernel.unpacker(b"\x02\x21\x4c\x18 and more") == ("lz4", "-dcq")


def test_an_unknown_packing_is_shown() -> None:
    with pytest.raises(ImageError, match="it starts with 42617a696e67"):
        kernel.unpacker(b"Bazinga!")


@pytest.mark.parametrize("content", [b"", b"MZ", b"\x7fELF" + bytes(4096)])
def test_a_file_that_is_no_bzimage_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError, match="not a bzImage"):
        kernel.payload(content)


@pytest.mark.parametrize("left", [0x300, 0x860, 0x862])
def test_a_file_that_is_cut_off_is_refused(left: int) -> None:
    with pytest.raises(ImageError, match="cut off"):
        kernel.payload(bzimage(b"payload" * 100)[:left])


def test_a_damaged_payload_is_refused(elf: bytes, tmp_path: Path) -> None:
    damaged = lzma.compress(elf)[:-40] + bytes(40) + size_of(elf)
    source = written(tmp_path, bzimage(damaged))

    with pytest.raises(ImageError, match="xz ended with status 1"):
        kernel.extract(source, tmp_path / "kernel", kernel_format="bzimage")


def test_something_else_than_an_elf_file_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, bzimage(gzip.compress(b"no kernel")))

    with pytest.raises(ImageError, match="no ELF kernel came out of vmlinuz"):
        kernel.extract(source, tmp_path / "kernel", kernel_format="bzimage")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_plain_image_is_taken_as_it_is(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    source = written(tmp_path, pack(b"an arm64 kernel"))

    kernel.extract(source, tmp_path / "kernel", kernel_format="image")

    assert (tmp_path / "kernel").read_bytes() == b"an arm64 kernel"
