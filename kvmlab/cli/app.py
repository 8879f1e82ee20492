"""The commands and how errors end them."""

import sys

import typer
from rich.console import Console

from kvmlab.cli import course, images, labs, machine
from kvmlab.errors import KvmlabError

app = typer.Typer(
    help="A whole KVM host of your own, without root.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(machine.doctor)
app.command()(labs.up)
app.command()(labs.down)
app.command()(labs.ls)
app.command()(labs.status)
app.command(name="exec", context_settings={"allow_interspersed_args": False})(labs.exec_)
app.command()(labs.console)
app.add_typer(images.app, name="image")
app.command()(machine.bench)
app.command()(course.jupyter)


def main() -> None:
    """Run the command line; an error of kvmlab is a message and status 1."""
    try:
        app()
    except KvmlabError as error:
        console = Console(stderr=True)
        console.print(f"kvmlab: {error}", style="red", markup=False, highlight=False)
        if error.hint:
            console.print(f"Hint: {error.hint}", markup=False, highlight=False)
        sys.exit(1)
