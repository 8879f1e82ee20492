"""Where kvmlab keeps what it makes: state of labs, and a cache that can be deleted."""

import os
import pwd
from pathlib import Path

from kvmlab.errors import HostError


def state_dir() -> Path:
    """Directory of the labs; ``$KVMLAB_STATE_DIR`` or ``~/.local/state/kvmlab``.

    Raises
    ------
    HostError
        For root, if it belongs to somebody else.
    """
    own = os.environ.get("KVMLAB_STATE_DIR")
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "kvmlab"
    return _not_anothers(Path(own).absolute() if own else home, "KVMLAB_STATE_DIR")


def cache_dir() -> Path:
    """Directory of images and templates; ``$KVMLAB_CACHE_DIR`` or ``~/.cache/kvmlab``.

    Raises
    ------
    HostError
        For root, if it belongs to somebody else.
    """
    own = os.environ.get("KVMLAB_CACHE_DIR")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmlab"
    return _not_anothers(Path(own).absolute() if own else home, "KVMLAB_CACHE_DIR")


def personal_cache_dir() -> Path:
    """Directory in the cache for what is true for this user only: what KVM and QEMU do with their rights."""
    return cache_dir() / f"user-{os.geteuid()}"


def _not_anothers(path: Path, setting: str) -> Path:
    """Refuse, for root, a folder of another user's: what root leaves in it, its owner cannot remove."""
    if os.geteuid() != 0:
        return path
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    owner = existing.stat().st_uid
    if owner != 0:
        name = _user_name(owner)
        raise HostError(
            f"{existing} belongs to {name}, who could not remove what root leaves in it",
            hint=f"labs need no root: run this as {name}, without sudo; or set {setting} to root's folder",
        )
    return path


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
