"""Guest images: built here from the distribution's packages, kept in a cache."""

from kvmlab.errors import ImageError
from kvmlab.image import recipe, store
from kvmlab.image.build import build_image, this_recipe
from kvmlab.image.store import Image, list_images, read_manifest, remove_image, verify

__all__ = ["Image", "build_image", "find_image", "list_images", "read_manifest", "remove_image", "verify"]


def find_image(name: str | None = None) -> Image:
    """Return an image that guests boot from.

    Parameters
    ----------
    name
        Its name; None for the one that this version of kvmlab builds here
        or, where there is none, the newest.

    Raises
    ------
    ImageError
        If there is no such image, or those that are there fit another version of kvmlab.
    """
    try:
        wanted = this_recipe()
    except ImageError:  # a distribution that no image can be built on may still hold one
        wanted = ""
    found = store.find_image(name, recipe=wanted)
    if name is None and read_manifest(found).get("format") != recipe.FORMAT:
        raise ImageError(
            f"guest image {found.name!r} was made by another version of kvmlab",
            hint="build the one of this version with `kvmlab image build`",
        )
    return found
