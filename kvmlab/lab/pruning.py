"""What in the cache nothing needs any more: images of other recipes, saved guests whose image is gone."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from kvmlab import image
from kvmlab.errors import ImageError, InUseError
from kvmlab.host import directory
from kvmlab.image import Image, leases, store
from kvmlab.virt import saved
from kvmlab.virt.saved import SavedGuest


def note_use(name: str, lab_dir: Path) -> None:
    """Note that a lab defines guests from an image; what dead labs noted is forgotten."""
    if leases.take(name, lab_dir):
        for note, other in leases.holders(name).items():
            if not _may_run(other):
                with contextlib.suppress(OSError):  # another user's, or gone already
                    note.unlink()


def labs_using(name: str) -> list[str]:
    """Return the names of running labs in which guests of an image are defined, also of other users."""
    return sorted(path.name for path in leases.holders(name).values() if _may_run(path))


def _may_run(lab_dir: Path) -> bool:
    """Tell whether a lab runs; of a lab that this user may not look at, believe it."""
    try:
        (lab_dir / "lock").stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return directory.is_alive(lab_dir)


def remove_image(name: str, *, force: bool = False) -> None:
    """Remove an image, unless a running lab uses it.

    Parameters
    ----------
    name
        Its name.
    force
        Also if a lab uses it: guests that run keep what they hold open, those
        that are shut off cannot be started any more.

    Raises
    ------
    ImageError
        If there is no such image.
    InUseError
        If a lab uses it.
    """
    users = labs_using(name)
    if users and not force:
        raise InUseError(
            f"guest image {name!r} is used by lab {', '.join(users)}",
            users=users,
            hint="end the lab with `kvmlab down`, or give --force",
        )
    store.remove_image(name)


@dataclass(frozen=True, slots=True)
class Old:
    """What can be removed.

    Attributes
    ----------
    images
        Images of other recipes than this version's, that no running lab uses.
    saved
        Saved guests that nothing starts from any more, or not without those images.
    """

    images: tuple[Image, ...]
    saved: tuple[SavedGuest, ...]

    @property
    def size_mib(self) -> int:
        """Disk that all of it takes, in MiB."""
        return sum(each.size_mib for each in self.images) + sum(each.size_mib for each in self.saved)

    def __str__(self) -> str:
        counts = (len(self.images), "image"), (len(self.saved), "saved guest")
        parts = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in counts if count]
        return f"{' and '.join(parts) or 'nothing'}, {self.size_mib} MiB"


def find_old() -> Old:
    """Return what no version in use needs.

    The image that guests boot here is always needed, and so is one that a
    running lab uses, whoever's it is. Images with an unreadable manifest are
    left to the next build.
    """
    needed = _needed()
    images = [each for each in store.whole_images() if each.name != needed and not labs_using(each.name)]
    gone = {each.name for each in images}
    guests = [each for each in saved.list_saved() if each.outdated or each.image in gone]
    return Old(tuple(images), tuple(guests))


def _needed() -> str:
    try:
        return image.find_image().name
    except ImageError:  # none, or none that this version boots
        return ""


def remove_old() -> Old:
    """Remove what no version in use needs; return what it was."""
    old = find_old()
    for each in old.images:
        remove_image(each.name)
    for guest in old.saved:
        saved.remove(guest)
    return old
