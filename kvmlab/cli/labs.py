"""Commands on labs: up, down, ls, status."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvmlab.cli import choice
from kvmlab.cli.output import JsonOption, print_error, print_json, print_rows
from kvmlab.errors import KvmlabError

if TYPE_CHECKING:
    from kvmlab.lab import Lab


def up(
    name: Annotated[str, typer.Argument(metavar="LAB", help="Name of the lab.")] = "lab",
    as_json: JsonOption = False,
) -> None:
    """Start a lab and leave it running."""
    from kvmlab import lab as labs

    lab = labs.Lab.start(name)
    if as_json:
        print_json(next(asdict(info) for info in labs.list_labs() if info.name == name))
        return
    print(f"lab {name} is up. Go on with:\n")
    for action, command in _next_steps(lab):
        print(f"  {action:<15} {command}")


def _next_steps(lab: "Lab") -> list[tuple[str, str]]:
    return [
        ("in a notebook", f'lab = kl.Lab.attach("{lab.name}")'),
        ("a root shell", f"kvmlab exec --lab {lab.name} host bash"),
        ("libvirt", f"virsh -c '{lab.uri}' list --all"),
        ("what is in it", f"kvmlab status {lab.name}"),
        ("its end", f"kvmlab down {lab.name}"),
    ]


def down(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="LAB", show_default=False, help="Names of the labs; the one that runs."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="End every lab of this user.")] = False,
) -> None:
    """End labs: all that they held is gone."""
    from kvmlab import lab as labs

    if everything and names:
        raise typer.BadParameter("name labs, or give --all")
    found = [info.name for info in labs.list_labs()] if everything else names
    if everything and not found:
        print("no lab runs")
    failed = False
    for name in [choice.chosen("", option="kvmlab down NAME")] if found is None else dict.fromkeys(found):
        try:
            labs.stop_lab(name)
            print(f"lab {name} has ended")
        except KvmlabError as error:  # the others end all the same
            print_error(error)
            failed = True
    raise typer.Exit(1 if failed else 0)


def ls(as_json: JsonOption = False) -> None:
    """List the labs that run."""
    from kvmlab.lab import list_labs

    print_rows(list_labs(), as_json=as_json, empty="no lab runs; start one with: kvmlab up")


def status(name: choice.LabArgument = "", as_json: JsonOption = False) -> None:
    """Show a lab's daemons, networks and domains."""
    from kvmlab import lab as labs

    lab = labs.Lab.attach(choice.chosen(name, option="kvmlab status NAME"))
    found: dict[str, Any] = {"name": lab.name, "uri": lab.uri, "accelerator": lab.accelerator}
    found["daemons"] = [asdict(daemon) for daemon in lab.daemons()]
    failure: KvmlabError | None = None
    try:
        found |= {"networks": _networks(lab), "domains": _domains(lab)}
    except KvmlabError as error:  # a lab without its libvirtd still has daemons to show
        failure = error
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    if failure is not None:
        raise failure


def _networks(lab: "Lab") -> list[dict[str, Any]]:
    return [
        {
            "name": network.name,
            "state": "active" if network.is_active else "inactive",
            "forward": network.forward,
            "bridge": network.bridge,
        }
        for network in lab.networks()
    ]


def _domains(lab: "Lab") -> list[dict[str, Any]]:
    nics = [asdict(nic) for nic in lab.guest_nics()]
    return [
        {
            "name": domain.name,
            "state": domain.state,
            "accelerator": domain.accelerator,
            "nics": [nic for nic in nics if nic["domain"] == domain.name],
        }
        for domain in lab.domains()
    ]


def _print_status(found: Mapping[str, Any]) -> None:
    print(f"lab {found['name']}, guests run on {found['accelerator']}\n{found['uri']}")
    print("\ndaemons")
    print_rows(found["daemons"], empty="none")
    if "networks" in found:
        print("\nnetworks")
        print_rows(found["networks"], empty="none")
        print("\ndomains")
        print_rows([_domain_row(domain) for domain in found["domains"]], empty="none")


def _domain_row(domain: Mapping[str, Any]) -> dict[str, str]:
    addresses = (a for nic in domain["nics"] for a in nic["addresses"] if not a.startswith("fe80"))
    return {
        "name": domain["name"],
        "state": domain["state"],
        "accelerator": domain["accelerator"],
        "addresses": ", ".join(addresses),
    }
