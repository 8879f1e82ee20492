"""Open the course in JupyterLab."""

from pathlib import Path
from typing import Annotated

import typer

from kvmlab import jupyter as course


def jupyter(
    folder: Annotated[Path, typer.Argument(help="Your working copy of the course.")] = course.DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8888,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
) -> None:
    """Open JupyterLab at the first notebook, in a working copy of yours."""
    course.start(course.workspace(folder), port=port, browser=not no_browser)
