"""Tables for people and JSON for scripts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def print_rows(rows: Sequence[Any], *, as_json: bool, empty: str) -> None:
    """Print dataclass rows as a table or as JSON.

    Parameters
    ----------
    rows
        Dataclass instances of one type.
    as_json
        Print a JSON list of objects.
    empty
        What to say when there are no rows.
    """
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    if not rows:
        print(empty)
        return
    names = [field.name for field in fields(rows[0])]
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(getattr(row, name)) for name in names))
    # A URI must stay on one line, so that it can be copied; the terminal may scroll.
    Console(soft_wrap=True).print(table)
