"""Where kvmlab keeps what it makes: state of labs, and a cache that can be deleted."""

import os
from pathlib import Path


def state_dir() -> Path:
    """Directory of the labs; ``$KVMLAB_STATE_DIR`` or ``~/.local/state/kvmlab``."""
    own = os.environ.get("KVMLAB_STATE_DIR")
    if own:
        return Path(own).absolute()
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "kvmlab"


def cache_dir() -> Path:
    """Directory of images and templates; ``$KVMLAB_CACHE_DIR`` or ``~/.cache/kvmlab``."""
    own = os.environ.get("KVMLAB_CACHE_DIR")
    if own:
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmlab"
