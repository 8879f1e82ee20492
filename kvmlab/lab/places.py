"""What labs are called, and where they are on this machine."""

import re
from pathlib import Path
from urllib.parse import quote

from kvmlab import _paths
from kvmlab.errors import SpecError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def check_lab_name(name: str) -> None:
    """Refuse a name that no lab can have.

    Raises
    ------
    SpecError
        Saying what is allowed.
    """
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"lab name {name!r} is not allowed",
            hint="use 1 to 32 lower-case letters, digits and hyphens, such as 'nat-1'",
        )


def labs_dir() -> Path:
    """Return the directory of all labs of this user."""
    return _paths.state_dir() / "labs"


def lab_dir(name: str) -> Path:
    """Return the directory of a lab."""
    return labs_dir() / name


def lab_uri(path: Path) -> str:
    """Return the libvirt URI of the lab with this directory."""
    return f"qemu+unix:///system?socket={quote(str(path))}/run/libvirt/libvirt-sock"
