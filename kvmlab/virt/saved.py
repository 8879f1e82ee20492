"""The saved guests in the cache: which there are, which of them nothing can start from any more."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmlab import _paths
from kvmlab._run import LocalRunner, complete_environment
from kvmlab.virt import template
from kvmlab.virt.origin import Origin, files_digest


@dataclass(frozen=True, slots=True)
class SavedGuest:
    """A saved guest, as ``kvmlab image list --templates`` shows it.

    Attributes
    ----------
    name
        Name of its folder.
    image
        Name of the image that it booted; empty if that is not known.
    accelerator, memory_mib
        ``kvm`` or ``tcg``; size of its memory in MiB.
    made
        When it was saved, local time, ISO 8601.
    size_mib
        Disk that it takes, in MiB.
    outdated
        Why no guest starts from it any more; empty if one may.
    path
        Its folder.
    """

    name: str
    image: str
    accelerator: str
    memory_mib: int
    made: str
    size_mib: int
    outdated: str
    path: Path


def templates_dir() -> Path:
    """Return the directory of this user's saved guests; QEMU opens their memory for writing, too."""
    return _paths.personal_cache_dir() / "templates"


def list_saved(*, qemu: int | None = None) -> list[SavedGuest]:
    """Return this user's saved guests, the newest first.

    Parameters
    ----------
    qemu
        Version of QEMU that guests are started with, as libvirt counts it; by
        default that of the QEMU which is installed.
    """
    version = installed_qemu() if qemu is None else qemu
    folders = [path for path in templates_dir().glob("*/") if not template.is_being_made(path)]
    found = [_saved(path, version) for path in folders]
    return sorted(found, key=lambda saved: saved.made, reverse=True)


def _saved(path: Path, qemu: int) -> SavedGuest:
    origin = Origin.read(path)
    return SavedGuest(
        name=path.name,
        image=Path(origin.files[0]).parent.name if origin and origin.files else "",
        accelerator=origin.key.accelerator if origin else "",
        memory_mib=origin.key.memory_mib if origin else 0,
        made=time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(path.stat().st_mtime)),
        size_mib=round(sum(size for size in _sizes(path)) / 2**20),
        outdated=_outdated(origin, qemu),
        path=path,
    )


def _sizes(path: Path) -> Iterator[int]:
    for file in path.iterdir():
        yield 512 * file.stat().st_blocks  # inode(7): in units of 512 bytes; the memory file has holes


def _outdated(origin: Origin | None, qemu: int) -> str:
    if origin is None:
        return "it was not finished, or another version of kvmlab made it"
    try:
        unchanged = files_digest(origin.files) == origin.key.image
    except OSError as error:
        return f"what it booted is gone: {error.filename}"
    if not unchanged:
        return "its image was built anew"
    if origin.key.qemu != qemu:
        return f"QEMU is {_words(qemu)} now, and it was saved by {_words(origin.key.qemu)}"
    return ""


def _words(version: int) -> str:
    """Return a version of QEMU as people write it.

    Examples
    --------
    >>> _words(7_002_017)
    '7.2.17'
    """
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def installed_qemu() -> int:
    """Return the version of the installed QEMU as libvirt counts it: millions, thousands, ones; 0 if none."""
    program = f"qemu-system-{os.uname().machine}"
    if shutil.which(program, path=complete_environment()["PATH"]) is None:
        return 0
    said = LocalRunner().run([program, "--version"]).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said)
    major, minor, micro = map(int, found.groups()) if found else (0, 0, 0)
    return major * 1_000_000 + minor * 1000 + micro


def remove(saved: SavedGuest) -> None:
    """Remove a saved guest; guests that run from it keep the memory that they have mapped."""
    template.discard(saved.path)
