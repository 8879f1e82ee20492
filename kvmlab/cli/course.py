"""Open the course in JupyterLab."""

from pathlib import Path
from typing import Annotated

import typer


def jupyter(
    folder: Annotated[Path, typer.Argument(help="Your working copy of the course.")] = Path(
        "~/kvmlab-course"
    ),
    port: Annotated[
        int | None, typer.Option(help="Port on 127.0.0.1; by default a free one from 8888.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
) -> None:
    """Open JupyterLab at the first notebook, in a working copy of yours."""
    from kvmlab import jupyter as course

    copy = course.workspace(folder)
    course.trust(copy)
    if copy.added:
        print(f"{len(copy.added)} files of the course are new in {copy.folder}")
    if copy.updated:
        print(f"{len(copy.updated)} files that you had not edited are updated in {copy.folder}")
    for name in copy.beside:
        print(f"{copy.folder / name}: newer version of a file that you edited")
    print("Starting JupyterLab. Ctrl-C twice ends it; labs that run go on until `kvmlab down`.")
    course.start(copy.folder, port=port, browser=not no_browser)
