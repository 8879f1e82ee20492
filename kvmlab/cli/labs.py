"""Commands on labs: up, down, ls, status, exec, console."""

from typing import Annotated

import typer

from kvmlab import lab as labs
from kvmlab._run import Runner, replace_process
from kvmlab.cli.output import JsonOption, print_json, print_rows
from kvmlab.errors import LabError
from kvmlab.host import client, namespaces, world

LabArgument = Annotated[str, typer.Argument(help="Name of the lab.")]
LabOption = Annotated[
    str, typer.Option("--lab", "-l", help="Name of the lab; may be left out if only one runs.")
]


def up(name: LabArgument = "lab") -> None:
    """Start a lab and leave it running."""
    lab = labs.Lab.start(name)
    print(f"lab {name} is up; it ends with: kvmlab down {name}")
    print(f"virsh -c '{lab.uri}' list --all")


def down(
    names: Annotated[list[str] | None, typer.Argument(help="Names of the labs.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="End every lab of this user.")] = False,
) -> None:
    """End labs: all that they held is gone."""
    chosen = [info.name for info in labs.list_labs()] if everything else (names or ["lab"])
    for name in chosen:
        labs.Lab.attach(name).stop()
        print(f"lab {name} has ended")


def ls(as_json: JsonOption = False) -> None:
    """List the labs that run."""
    print_rows(labs.list_labs(), as_json=as_json, empty="no lab runs; start one with: kvmlab up")


def status(name: LabArgument = "lab", as_json: JsonOption = False) -> None:
    """Show a lab's daemons, networks and domains."""
    lab = labs.Lab.attach(name)
    daemons = [{"name": d.name, "state": d.state} for d in lab.daemons()]
    networks = [{"name": n.name, "bridge": n.bridge, "active": n.is_active} for n in lab.networks()]
    domains = [{"name": d.name, "state": d.state, "accelerator": d.accelerator} for d in lab.domains()]
    if as_json:
        print_json(
            {"name": name, "uri": lab.uri, "daemons": daemons, "networks": networks, "domains": domains}
        )
        return
    print(f"lab {name}  {lab.uri}")
    for title, rows in (("daemons", daemons), ("networks", networks), ("domains", domains)):
        print(f"\n{title}")
        for row in rows or [{"": "none"}]:
            print("  " + "  ".join(str(value) for value in row.values()))


def exec_(
    where: Annotated[str, typer.Argument(help=f"A host ({', '.join(world.HOSTS)}) or a guest.")],
    argv: Annotated[list[str], typer.Argument(help="The command.")],
    lab_name: LabOption = "",
) -> None:
    """Run a command on a host of a lab, or in a guest."""
    name = lab_name or _only_lab()
    if where in world.HOSTS:
        init = client.init_pid(labs.lab_dir(name))
        replace_process([*namespaces.enter_argv(init, where), *argv])
    guest: Runner = labs.Lab.attach(name).domain(where)
    done = guest.run(argv, check=False, timeout_s=3600)
    print(done.stdout, end="")
    typer.echo(done.stderr, nl=False, err=True)
    raise typer.Exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def console(
    guest: Annotated[str, typer.Argument(help="Name of the guest.")],
    lab_name: LabOption = "",
) -> None:
    """Open a guest's serial console; it is left with Ctrl and the right bracket."""
    lab = labs.Lab.attach(lab_name or _only_lab())
    lab.domain(guest).vir  # noqa: B018  (an unknown guest is refused here, with kvmlab's message)
    replace_process(["virsh", "--connect", lab.uri, "console", "--force", guest])


def _only_lab() -> str:
    names = [info.name for info in labs.list_labs()]
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise LabError(
            f"which lab? running: {found}", hint="say it with --lab NAME, or start one with `kvmlab up`"
        )
    return names[0]
