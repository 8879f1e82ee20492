"""The command that takes networks and guests of a lab to a real host."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvmlab.cli import choice

if TYPE_CHECKING:
    from kvmlab.exporting import Export


class Part(StrEnum):
    """What of an export is printed."""

    EVERYTHING = "everything"
    XML = "xml"
    VIRSH = "virsh"
    VIRT_INSTALL = "virt-install"
    IPROUTE2 = "iproute2"
    NMCLI = "nmcli"
    NETWORKD = "networkd"
    NETPLAN = "netplan"
    NOTES = "notes"


def export(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", show_default=False, help="Networks and guests; everything in the lab."
        ),
    ] = None,
    only: Annotated[Part, typer.Option("--only", help="Print this part.")] = Part.EVERYTHING,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", show_default=False, help="Write all parts into a new folder."),
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Keep macvlans and taps that stand for a macvtap.")
    ] = False,
    lab: choice.LabOption = "",
) -> None:
    """Print what a real host needs to get networks and guests of a lab."""
    from kvmlab import exporting
    from kvmlab.lab import Lab

    attached = Lab.attach(choice.chosen(lab))
    things = [exporting.find(attached, name) for name in names or ()]
    found = exporting.export(attached, *things, by_hand=by_hand)
    if to is not None:
        print(f"{found.title} is in {found.save(to)}: begin with README.txt")
    else:
        print(_text(found, only))


def _text(found: "Export", only: Part) -> object:
    match only:
        case Part.EVERYTHING | Part.NOTES:
            return found if only is Part.EVERYTHING else found.notes
        case Part.XML:
            return "\n".join(found.xml.values()).rstrip()
        case _:
            return getattr(found, only.value.replace("-", "_"))
