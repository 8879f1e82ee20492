"""Commands on guest images."""

import shutil
from typing import Annotated

import typer

from kvmlab.cli.output import JsonOption, print_json, print_rows

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

    with shown(None, "guest image") as steps:
        built = image.build_image(progress=steps, force=force)
    if as_json:
        print_json(image.read_manifest(built) | {"name": built.name, "path": str(built.path)})
    else:
        print(f"{built.name}  kernel {built.kernel_version}  {built.path}")


@app.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """List the images, the newest first."""
    from kvmlab import image

    rows = [
        {
            "name": found.name,
            "kernel": found.kernel_version,
            "built": found.built,
            "size_mib": found.size_mib,
            "path": str(found.path),
        }
        for found in image.list_images()
    ]
    print_rows(rows, as_json=as_json, empty="no image; build one with: kvmlab image build")


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
    templates: Annotated[
        bool, typer.Option("--templates", help="Remove the saved guests for instant starts instead.")
    ] = False,
) -> None:
    """Remove an image, or the saved guests for instant starts."""
    from kvmlab import _paths, image

    if templates == (name is not None):
        raise typer.BadParameter("name an image, or give --templates")
    if name is None:
        shutil.rmtree(_paths.cache_dir() / "templates", ignore_errors=True)
        print("the saved guests are removed; the next start makes one anew")
        return
    image.remove_image(name)
    print(f"image {name} is removed")
