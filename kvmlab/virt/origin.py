"""What a saved guest was made from: all that decides whether another can start from it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

#: File with the origin, beside a saved guest's memory and state.
_NAME = "origin.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateKey:
    """All that decides whether a saved guest can be started here.

    Attributes
    ----------
    image, machine, accelerator
        Digest of the files that it boots, machine type, ``kvm`` or ``tcg``.
    memory_mib, vcpus
        Size of the guest.
    qemu
        QEMU's version number as libvirt gives it.
    devices
        Digest of the domain XML, so that a changed device tree makes a new template.
    """

    image: str
    machine: str
    accelerator: str
    memory_mib: int
    vcpus: int
    qemu: int
    devices: str

    def digest(self) -> str:
        """Return a short name for the key."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a template was made from; kept beside it, so that an old one can be told.

    Attributes
    ----------
    key
        What decides whether it fits.
    files
        What it booted.
    """

    key: TemplateKey
    files: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write it into the directory of the template."""
        (folder / _NAME).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Origin | None":
        """Return what the template in this directory was made from; None if it does not say."""
        try:
            data = json.loads((folder / _NAME).read_text(encoding="utf-8"))
            return cls(TemplateKey(**data["key"]), tuple(data["files"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None


def files_digest(files: Iterable[str]) -> str:
    """Return a digest that changes when a file is replaced; their content is too large to read.

    Raises
    ------
    OSError
        If one is missing.
    """
    stats = [(file, Path(file).stat()) for file in files]
    text = repr([(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats])
    return hashlib.sha256(text.encode()).hexdigest()
