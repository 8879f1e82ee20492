"""Which lab is meant."""

from typing import Annotated

import typer

LabArgument = Annotated[
    str, typer.Argument(metavar="LAB", show_default=False, help="Name of the lab; the one that runs.")
]
LabOption = Annotated[
    str, typer.Option("--lab", "-l", metavar="LAB", show_default=False, help="The lab; the one that runs.")
]


def chosen(name: str, *, option: str = "--lab NAME") -> str:
    """Return the lab that was named, or the only one that runs.

    Parameters
    ----------
    name
        What was typed; empty if nothing was.
    option
        How a name is typed, for the hint.

    Raises
    ------
    LabError
        If none was named and not exactly one runs.
    """
    from kvmlab.errors import LabError
    from kvmlab.lab import list_labs

    if name:
        return name
    names = [info.name for info in list_labs()]
    if not names:
        raise LabError("no lab runs", hint="start one with: kvmlab up")
    if len(names) > 1:
        raise LabError(f"which lab? there are {', '.join(names)}", hint=f"say it: {option}")
    return names[0]
