"""Take the ELF kernel out of a bzImage.

QEMU starts an ELF kernel directly (PVH), without the unpacking that a
bzImage does in the guest: seconds, when the guest's CPU is emulated.
"""

import struct
from pathlib import Path
from typing import Literal

from kvmlab._run import BOUND_TO_THIS, LocalRunner, end_group
from kvmlab.errors import ImageError

#: Programs that unpack a kernel's payload, by its first bytes.
_UNPACKERS = (
    (b"\xfd7zXZ\x00", ("xz", "-dc", "--single-stream")),
    (b"\x28\xb5\x2f\xfd", ("zstd", "-dcq")),
    (b"\x02\x21\x4c\x18", ("lz4", "-dcq")),
    (b"\x1f\x8b", ("gzip", "-dc")),
)
_UNPACK_BOUND_S = 120.0


def payload(image: bytes) -> bytes:
    """Return the packed kernel inside a bzImage.

    Parameters
    ----------
    image
        Content of a ``vmlinuz`` file for x86.

    Raises
    ------
    ImageError
        If it is no bzImage with a payload.

    Notes
    -----
    The kernel's Documentation/arch/x86/boot.rst: ``setup_sects`` at 0x1f1,
    the signature at 0x202, ``payload_offset`` and ``payload_length`` at 0x248.
    """
    if image[0x202:0x206] != b"HdrS":
        raise ImageError("the kernel is not a bzImage")
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    found = image[start : start + length]
    if len(found) != length or length == 0:
        raise ImageError("the kernel's file is cut off")
    return found


def unpacker(packed: bytes) -> tuple[str, ...]:
    r"""Return the command that unpacks a payload from standard input.

    Raises
    ------
    ImageError
        If the packing is unknown.

    Examples
    --------
    >>> unpacker(b"\x1f\x8b\x08")
    ('gzip', '-dc')
    """
    for magic, command in _UNPACKERS:
        if packed.startswith(magic):
            return command
    raise ImageError(f"the kernel is packed in an unknown way (it starts with {packed[:6].hex()})")


def extract(source: Path, target: Path, *, kernel_format: Literal["bzimage", "image"]) -> None:
    """Write the kernel that QEMU starts fastest.

    Raises
    ------
    ImageError
        If no kernel comes out of the file.
    """
    if kernel_format == "image":
        content = source.read_bytes()
        if not content.startswith(b"\x1f\x8b"):
            target.write_bytes(content)
            return
        _unpack(content, target)
        return
    packed = payload(source.read_bytes())
    command = unpacker(packed)
    # All but gzip are followed by the unpacked size, four bytes that the
    # unpackers would take for garbage (the kernel's scripts/Makefile.lib).
    _unpack(packed if command[0] == "gzip" else packed[:-4], target)
    with target.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            raise ImageError(f"no ELF kernel came out of {source.name}")


def _unpack(packed: bytes, target: Path) -> None:
    source = target.with_suffix(".packed")
    source.write_bytes(packed)
    try:
        with source.open("rb") as stdin, target.open("wb") as stdout:
            runner = LocalRunner(prefix=BOUND_TO_THIS)
            process = runner.popen(unpacker(packed), stdin=stdin, stdout=stdout)
            try:
                status = process.wait(timeout=_UNPACK_BOUND_S)
            finally:
                end_group(process)
    finally:
        source.unlink()
    if status != 0:
        raise ImageError(
            f"the kernel could not be unpacked ({unpacker(packed)[0]} ended with status {status})"
        )
