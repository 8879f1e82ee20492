"""Which labs use which image, so that none is removed under them.

A lab that defines a guest from an image leaves a file in the cache with its
own folder's path. Whether that lab still runs is seen from its folder's lock
(:mod:`kvmlab.host.directory`), so nobody has to take the file away in time.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from kvmlab import _paths

#: Like /tmp: all users of a cache may write, and nobody removes what is another's (inode(7), sticky bit).
_MODE = 0o1777


def take(image: str, lab_dir: Path) -> bool:
    """Note that a lab uses an image; tell whether that is new.

    Where the cache cannot be written, nothing is noted.
    """
    folder = _folder(image)
    lease = folder / hashlib.sha256(os.fsencode(lab_dir)).hexdigest()[:16]
    if lease.exists():
        return False
    with contextlib.suppress(OSError):
        for each in (folder.parent, folder):
            if not each.is_dir():
                each.mkdir(parents=True, exist_ok=True)
                each.chmod(_MODE)
        lease.write_bytes(os.fsencode(lab_dir))
        return True
    return False


def holders(image: str) -> dict[Path, Path]:
    """Return the folders of the labs that noted that they use an image, by their notes; some may be gone."""
    found = {}
    for lease in sorted(_folder(image).glob("*")):
        with contextlib.suppress(OSError):  # removed just now
            found[lease] = Path(os.fsdecode(lease.read_bytes()))
    return found


def _folder(image: str) -> Path:
    return _paths.cache_dir() / "leases" / image
