"""Commands on guest images."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kvmlab.cli.output import JsonOption, print_json, print_rows

if TYPE_CHECKING:
    from kvmlab.image import Image
    from kvmlab.lab.pruning import Old
    from kvmlab.virt.saved import SavedGuest

app = typer.Typer(help="Build, list, show and remove guest images.", no_args_is_help=True)

ImageArgument = Annotated[
    str | None,
    typer.Argument(metavar="IMAGE", show_default=False, help="Name of the image; the one that guests boot."),
]


@app.command()
def build(
    force: Annotated[bool, typer.Option("--force", help="Build even if nothing changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build the guest image from the distribution's packages, if its recipe changed."""
    from kvmlab import image
    from kvmlab._progress import shown
    from kvmlab.lab import pruning

    with shown(None, "guest image") as steps:
        built = image.build_image(progress=steps, force=force)
    if as_json:
        print_json(image.read_manifest(built) | {"name": built.name, "path": str(built.path)})
    else:
        print(f"{built.name}  kernel {built.kernel_version}  {built.path}")
        _say_old(pruning.find_old())


@app.command(name="list")
def list_(
    templates: Annotated[
        bool, typer.Option("--templates", help="List the saved guests for instant starts instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the images with their sizes and their users, the newest first."""
    from kvmlab import image
    from kvmlab.lab import pruning
    from kvmlab.virt import saved

    guests = saved.list_saved()
    if templates:
        rows = [{**asdict(guest), "path": str(guest.path)} for guest in guests]
        print_rows(rows, as_json=as_json, empty="no saved guest; the first start makes one")
        return
    old = pruning.find_old()
    rows = [_row(found, guests, old) for found in image.list_images()]
    print_rows(rows, as_json=as_json, empty="no image; build one with: kvmlab image build")
    if not as_json:
        _say_old(old)


def _row(found: "Image", guests: "Sequence[SavedGuest]", old: "Old") -> dict[str, object]:
    from kvmlab.lab import pruning

    labs = ", ".join(pruning.labs_using(found.name))
    return {
        "name": found.name,
        "kernel": found.kernel_version,
        "built": found.built,
        "size_mib": found.size_mib,
        "saved_guests_mib": sum(guest.size_mib for guest in guests if guest.image == found.name),
        "use": "old" if found in old.images else f"lab {labs}" if labs else "new guests",
        "path": str(found.path),
    }


def _say_old(old: "Old") -> None:
    if old.images or old.saved:
        print(f"no version in use needs {old}; remove it with: kvmlab image remove --old")


@app.command()
def show(name: ImageArgument = None, as_json: JsonOption = False) -> None:
    """Show what is in an image, after checking its files against their checksums."""
    from kvmlab import image
    from kvmlab._progress import shown

    found = image.find_image(name)
    with shown(None, f"image {found.name}") as steps:
        steps.step("checking its checksums")
        image.verify(found)
    manifest = image.read_manifest(found)
    if as_json:
        print_json(manifest | {"name": found.name, "path": str(found.path)})
        return
    print(f"image {found.name}: {found.size_mib} MiB, built {found.built}, checksums are right")
    print(f"{found.path}\nkernel {found.kernel_version}, boots with: {found.cmdline}\n")
    files = [{"file": file, **entry} for file, entry in manifest["files"].items()]
    print_rows(files, empty="no files")


@app.command()
def remove(
    name: ImageArgument = None,
    old: Annotated[
        bool, typer.Option("--old", help="Remove what no version in use and no running lab needs instead.")
    ] = False,
    templates: Annotated[
        bool, typer.Option("--templates", help="Remove the saved guests for instant starts instead.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also if a running lab uses the image.")] = False,
) -> None:
    """Remove an image, what is old, or the saved guests for instant starts."""
    from kvmlab.lab import pruning
    from kvmlab.virt import saved

    if [name is not None, old, templates].count(True) != 1:
        raise typer.BadParameter("name an image, or give --old or --templates")
    if old:
        print(f"removed: {pruning.remove_old()}")
    elif templates:
        shutil.rmtree(saved.templates_dir(), ignore_errors=True)
        print("the saved guests are removed; the next start makes one anew")
    else:
        pruning.remove_image(str(name), force=force)
        print(f"image {name} is removed")
