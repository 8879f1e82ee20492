"""Where labs are on this machine."""

from pathlib import Path
from urllib.parse import quote

from kvmlab import _paths


def labs_dir() -> Path:
    """Return the directory of all labs of this user."""
    return _paths.state_dir() / "labs"


def lab_dir(name: str) -> Path:
    """Return the directory of a lab."""
    return labs_dir() / name


def lab_uri(path: Path) -> str:
    """Return the libvirt URI of the lab with this directory."""
    return f"qemu+unix:///system?socket={quote(str(path))}/run/libvirt/libvirt-sock"
