"""Commands on guest images."""

import shutil
from typing import Annotated

import typer

from kvmlab import _paths, image
from kvmlab._progress import shown
from kvmlab.cli.output import JsonOption, print_json, print_rows

app = typer.Typer(help="Build, list, show and remove guest images.", no_args_is_help=True)


@app.command()
def build(
    force: Annotated[bool, typer.Option("--force", help="Build even if nothing changed.")] = False,
) -> None:
    """Build the guest image from the distribution's packages, if its recipe changed."""
    with shown(None, "guest image") as steps:
        built = image.build_image(progress=steps, force=force)
    print(f"{built.name}  kernel {built.kernel_version}  {built.path}")


@app.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """List the images."""
    print_rows(image.list_images(), as_json=as_json, empty="no image; build one with: kvmlab image build")


@app.command()
def show(name: Annotated[str | None, typer.Argument(help="Name of the image.")] = None) -> None:
    """Show what is in an image, and check it against its checksums."""
    found = image.find_image(name)
    image.verify(found)
    print_json(image.read_manifest(found))


@app.command()
def remove(
    name: Annotated[str | None, typer.Argument(help="Name of the image.")] = None,
    templates: Annotated[bool, typer.Option("--templates", help="Remove only saved guests.")] = False,
) -> None:
    """Remove an image, or the saved guests for instant starts."""
    if templates:
        shutil.rmtree(_paths.cache_dir() / "templates", ignore_errors=True)
        print("saved guests removed; the next start makes a new one")
        return
    found = image.find_image(name)
    image.remove_image(found.name)
    print(f"image {found.name} removed")
