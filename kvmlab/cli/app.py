"""The commands, and how errors end them."""

import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kvmlab.cli import course, coursework, exports, images, inside, labs, machine, measure, output
from kvmlab.errors import KvmlabError


class Commands(TyperGroup):
    """Ends what a command raises: with one message and status 1, or with 130 after Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        """Invoke the command that was typed."""
        try:
            return super().invoke(ctx)
        except KvmlabError as error:
            output.print_error(error)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            print(file=sys.stderr)
            raise typer.Exit(output.INTERRUPTED) from error
        except BrokenPipeError:
            raise  # whoever reads the output has seen enough: typer ends quietly
        except OSError as error:
            output.print_error(KvmlabError(str(error)))
            raise typer.Exit(1) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"kvmlab {version('kvmlab')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Say what kvmlab is: a whole KVM host of your own, without root."""


app = typer.Typer(
    cls=Commands,
    help="A whole KVM host of your own, without root.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    callback=_options,
)
_BEHIND_A_NAME = {"allow_interspersed_args": False}  # options after it are the command's own
app.command()(machine.doctor)
app.command()(labs.up)
app.command()(labs.down)
app.command()(labs.ls)
app.command()(labs.status)
app.command(name="exec", context_settings=_BEHIND_A_NAME)(inside.exec_)
app.command()(inside.console)
app.command()(exports.export)
app.add_typer(images.app, name="image")
app.add_typer(measure.app, name="measure")
app.command()(machine.bench)
app.command()(course.jupyter)
app.add_typer(coursework.app, name="course")


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command line."""
    # As after Ctrl-C, what was begun is taken back; unless somebody wants the signal ignored (nohup(1)).
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    app()
