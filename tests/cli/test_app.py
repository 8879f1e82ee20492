"""What every command has in common: help, version, usage errors, and how errors end it."""

import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from kvmlab.cli import inside
from kvmlab.cli.app import Commands, app
from kvmlab.errors import LibvirtError
from kvmlab.host import world
from tests.cli.conftest import Run

COMMANDS = ("doctor", "up", "down", "ls", "status", "exec", "console", "image", "bench", "jupyter")


def loaded_by(code: str) -> set[str]:
    """Modules that a new Python has loaded after running this code."""
    line = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"]
    return set(subprocess.run(line, capture_output=True, text=True, check=True).stderr.split())


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output

    assert [name for name in COMMANDS if f" {name} " not in shown] == []


def test_the_version_is_that_of_the_package(kvmlab: Run) -> None:
    assert kvmlab("--version").stdout == f"kvmlab {version('kvmlab')}\n"


@pytest.mark.parametrize(
    "typed",
    [
        ["nosuch"],
        ["ls", "--nosuch"],
        ["down", "one", "--all"],
        ["exec", "host"],
        ["exec", "host", "--"],
        ["console"],
        ["image", "remove"],
        ["image", "remove", "one", "--templates"],
        ["bench", "--only", "nosuch"],
        ["bench", "--repeats", "0"],
        ["bench", "--output", "/nosuch/file"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_usage_error(typed: list[str]) -> None:
    result = CliRunner().invoke(app, typed, env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert "Usage: " in result.output


def test_an_error_is_a_message_and_a_hint_on_standard_error_and_no_traceback(kvmlab: Run) -> None:
    done = kvmlab("status", "nosuch")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "kvmlab: lab 'nosuch' is not running",
        "Hint: start it with `kvmlab up nosuch`, or see `kvmlab ls`",
    ]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            OSError(28, "No space left on device", "/full"),
            1,
            "kvmlab: [Errno 28] No space left on device: '/full'",
        ),
        (LibvirtError("it refused", hint="ask again"), 1, "kvmlab: it refused\nHint: ask again"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["system", "kvmlab", "Ctrl-C"],
)
def test_what_a_command_raises_ends_it(error: BaseException, status: int, said: str) -> None:
    own = typer.Typer(cls=Commands, callback=lambda: None)

    @own.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(own, ["fail"])

    assert (result.exit_code, result.output.strip()) == (status, said)


def test_hosts_are_those_of_the_world() -> None:
    assert tuple(world.HOSTS) == inside.HOSTS


def test_help_is_shown_without_loading_labs_or_libvirt() -> None:
    code = (
        "from kvmlab.cli import main; sys.argv = ['kvmlab', '--help']\ntry: main()\nexcept SystemExit: pass"
    )

    loaded = loaded_by(code)

    assert loaded & {"libvirt", "pyroute2", "kvmlab.lab", "kvmlab.virt", "kvmlab.bench"} == set()


def test_labs_are_listed_without_loading_libvirt() -> None:
    code = "from kvmlab.cli import main; sys.argv = ['kvmlab', 'ls']\ntry: main()\nexcept SystemExit: pass"

    loaded = loaded_by(code)

    assert "kvmlab.lab.listing" in loaded
    assert loaded & {"libvirt", "pyroute2", "kvmlab.virt"} == set()
