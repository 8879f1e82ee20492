"""Tables for people, JSON for scripts, and messages on standard error."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any

import typer

from kvmlab._repr import text_table
from kvmlab.errors import KvmlabError

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

#: Exit status after Ctrl-C, as shells give it: 128 and the number of SIGINT.
INTERRUPTED = 130


def print_error(error: KvmlabError) -> None:
    """Print an error's message and what to do next on standard error."""
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True)
    console.print(f"kvmlab: {error}", style="red", markup=False, highlight=False)
    if error.hint:
        console.print(f"Hint: {error.hint}", markup=False, highlight=False)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def print_rows(rows: Sequence[Any], *, as_json: bool = False, empty: str) -> None:
    """Print rows as a table or as JSON.

    Parameters
    ----------
    rows
        Dataclass instances of one type, or mappings with the same keys.
    as_json
        Print a JSON list of objects.
    empty
        What to say when there are no rows.
    """
    records = [_record(row) for row in rows]
    if as_json:
        print(json.dumps(records, indent=2, default=str))
    else:
        print(text_table(records) if records else empty)


def _record(row: Any) -> Mapping[str, Any]:
    if is_dataclass(row):
        return {field.name: getattr(row, field.name) for field in fields(row)}
    return dict(row)
