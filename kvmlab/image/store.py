"""The guest images that were built: find, check, remove.

An image is a folder with three files and a manifest. It is made under another
name and renamed when it is complete, so a folder with its final name always
holds a whole image.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvmlab import _paths
from kvmlab._repr import Table
from kvmlab.errors import ImageError

MANIFEST = "manifest.json"
#: Files of an image; their checksums are in its manifest.
FILES = ("kernel", "initrd", "root.squashfs")
#: How the name of a folder begins in which an image is being built.
UNFINISHED = ".building-"
#: Numbers of rename(2), from linux/fcntl.h and linux/fs.h.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True)
class Image:
    """A guest image.

    Attributes
    ----------
    name
        Distribution and start of the recipe's digest, such as ``debian-12-0f3a9c1b``.
    kernel_version
        Version of its kernel, as ``uname -r`` prints it in a guest.
    built
        When it was built, UTC, ISO 8601.
    size_mib
        Size of its files in MiB.
    digest
        Digest of its content.
    recipe
        Digest of the recipe that it was built by.
    cmdline
        Kernel command line that it boots with.
    path
        Its folder.
    """

    name: str
    kernel_version: str
    built: str
    size_mib: int
    digest: str
    recipe: str
    cmdline: str
    path: Path

    @property
    def kernel(self) -> Path:
        """Kernel that QEMU can load directly."""
        return self.path / "kernel"

    @property
    def initrd(self) -> Path:
        """First boot stage."""
        return self.path / "initrd"

    @property
    def root(self) -> Path:
        """Root file system, which guests only read."""
        return self.path / "root.squashfs"


def images_dir() -> Path:
    """Return the directory of all images of this user."""
    return _paths.cache_dir() / "images"


def list_images() -> Table[Image]:
    """Return the images, the newest first; same as ``kvmlab image list``.

    Raises
    ------
    ImageError
        If the manifest of one cannot be read.
    """
    return Table(sorted(map(_image, _folders()), key=lambda image: image.built, reverse=True))


def whole_images() -> Iterator[Image]:
    """Yield the images whose manifests can be read; a build replaces the others."""
    for folder in _folders():
        with contextlib.suppress(ImageError):
            yield _image(folder)


def _folders() -> list[Path]:
    return [path for path in images_dir().glob("*/") if not path.name.startswith(UNFINISHED)]


def find_image(name: str | None = None, *, recipe: str = "") -> Image:
    """Return an image.

    Parameters
    ----------
    name
        Its name; None for the one of ``recipe`` or, where there is none, the newest.
    recipe
        Digest of the recipe that is preferred.

    Raises
    ------
    ImageError
        If there is no such image.
    """
    images = list_images()
    if name is not None:
        found = next((image for image in images if image.name == name), None)
        if found is None:
            raise _no_such_image(name, (image.name for image in images))
        return found
    if not images:
        raise ImageError("there is no guest image yet", hint="build one with `kvmlab image build`")
    return next((image for image in images if image.recipe == recipe), images[0])


def read_manifest(image: Image) -> dict[str, Any]:
    """Return all that is known of an image: sources, packages with versions, checksums.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    return _manifest(image.path)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> ImageError:
    return ImageError(
        f"the manifest of guest image {folder.name!r} cannot be read: {error!r}",
        hint="build the image anew with `kvmlab image build`, "
        f"or remove it with `kvmlab image remove {folder.name}`",
    )


def _image(folder: Path) -> Image:
    manifest = _manifest(folder)
    try:
        return Image(
            name=folder.name,
            kernel_version=manifest["kernel_version"],
            built=manifest["built"],
            size_mib=round(sum(entry["bytes"] for entry in manifest["files"].values()) / 2**20),
            digest=manifest["digest"],
            recipe=manifest["recipe"],
            cmdline=manifest["cmdline"],
            path=folder,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(folder, error) from error


def file_entry(path: Path) -> dict[str, Any]:
    """Return size and checksum of a file, as a manifest keeps them."""
    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": checksum}


def content_digest(files: dict[str, dict[str, Any]]) -> str:
    """Return one digest for the checksums of all files."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def verify(image: Image) -> None:
    """Compare an image's files with the checksums in its manifest.

    Raises
    ------
    ImageError
        If a file is missing or differs; the message names it.
    """
    for name, entry in read_manifest(image)["files"].items():
        path = image.path / name
        if not path.is_file() or file_entry(path) != entry:
            what = "is damaged" if path.is_file() else "is missing"
            raise ImageError(
                f"guest image {image.name!r}: {path} {what}",
                hint="build it again with `kvmlab image build --force`",
            )


def remove_image(name: str) -> None:
    """Remove an image; guests that run from it keep the files that they hold open.

    Raises
    ------
    ImageError
        If there is no such image.
    """
    folders = {folder.name: folder for folder in _folders()}
    if name not in folders:
        raise _no_such_image(name, folders)
    shutil.rmtree(folders[name])


def _no_such_image(name: str, known: Iterable[str]) -> ImageError:
    return ImageError(
        f"there is no guest image {name!r}", hint=f"there are: {', '.join(sorted(known)) or 'none'}"
    )


def put_in_place(folder: Path, target: Path) -> None:
    """Give a finished image its name, in one step: at each moment there is the old one or the new.

    Guests that run from the old one keep the files that they hold open.
    """
    if not target.exists():
        folder.rename(target)
        return
    _exchange(folder, target)
    shutil.rmtree(folder)


def _exchange(one: Path, other: Path) -> None:
    """Exchange the names of two folders (RENAME_EXCHANGE, rename(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    # A network file system cannot; then there is no image for a moment.
    aside = one.with_name(f"{one.name}-new")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
