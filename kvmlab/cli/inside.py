"""Commands that lead into a lab: exec and console."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvmlab.cli import choice

if TYPE_CHECKING:
    from kvmlab.lab import Lab

#: Hosts of a lab; kept in step with ``kvmlab.host.world`` by a test.
HOSTS = ("host", "switch", "router", "pc", "internet")


def exec_(
    where: Annotated[
        str, typer.Argument(metavar="WHERE", help=f"A guest, or a host of the lab: {', '.join(HOSTS)}.")
    ],
    argv: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments.")],
    lab: choice.LabOption = "",
) -> None:
    """Run a command in a guest or on a host of a lab.

    Input, output and exit status are passed through. A guest gets standard
    input to its end first, unless that is a terminal; for work with a
    terminal in a guest there is `kvmlab console`.
    """
    command = argv[1:] if argv[0] == "--" else argv
    if not command:
        raise typer.BadParameter("which command?", param_hint="COMMAND")
    name = choice.chosen(lab)
    if where in HOSTS:
        _become(name, where, command)
    from kvmlab.virt.agent import Agent
    from kvmlab.virt.connection import Connection
    from kvmlab.virt.relay import relay

    agent = Agent(Connection(with_guest(name, where).uri), where)
    given = None if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer
    status = relay(agent, command, stdin=given, stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
    raise typer.Exit(status)


def _become(name: str, host: str, argv: list[str]) -> None:
    from kvmlab import lab as labs
    from kvmlab._run import replace_process
    from kvmlab.host import client, namespaces
    from kvmlab.host.environment import lab_environment

    init = client.init_pid(labs.Lab.attach(name).path)
    replace_process([*namespaces.enter_argv(init, host), *argv], env=lab_environment())


def with_guest(name: str, guest: str) -> "Lab":
    """Return the lab, which must have this guest."""
    from kvmlab import lab as labs
    from kvmlab.errors import LabError

    lab = labs.Lab.attach(name)
    guests = [domain.name for domain in lab.domains()]
    if guest not in guests:
        known = f"guests: {', '.join(guests) or 'none'}; hosts: {', '.join(HOSTS)}"
        raise LabError(f"lab {name!r} has no guest {guest!r}", hint=known)
    return lab


def console(
    guest: Annotated[str, typer.Argument(metavar="GUEST", help="Name of the guest.")],
    lab: choice.LabOption = "",
) -> None:
    """Open a guest's serial console; Ctrl and ] leave it."""
    from kvmlab._run import replace_process
    from kvmlab.errors import GuestError, HostError

    attached = with_guest(choice.chosen(lab), guest)
    if not attached.domain(guest).is_active:
        raise GuestError(guest, "is not running", hint=f'start it: lab.domain("{guest}").start()')
    if not sys.stdin.isatty():
        raise HostError(
            "the console needs a terminal", hint=f"for a single command: kvmlab exec {guest} COMMAND"
        )
    print(f"Console of {guest}: press Enter for a prompt; Ctrl and ] leave it.", file=sys.stderr)
    replace_process(["virsh", "--connect", attached.uri, "--quiet", "console", "--force", guest])
