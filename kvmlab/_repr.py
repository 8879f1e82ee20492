"""Show rows of data as a table: HTML in a notebook, aligned text in a terminal.

A row is a dataclass instance or a mapping. Its field names become the heads
of the columns, and a unit at the end of a name is shown as one: ``rtt_ms``
becomes "rtt (ms)". Tables have no colours of their own, so that they follow
the light or dark theme around them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from html import escape
from typing import Any, Generic, TypeVar, overload

from kvmlab.errors import SpecError

T_co = TypeVar("T_co", covariant=True)

#: Endings of field names and the units they mean; longer endings come first.
_UNITS = {
    "_s_per_gbyte": "s/GB",
    "_mbit_s": "Mbit/s",
    "_per_s": "1/s",
    "_percent": "%",
    "_bytes": "bytes",
    "_kib": "KiB",
    "_mib": "MiB",
    "_ms": "ms",
    "_us": "µs",
    "_s": "s",
}
_NOTHING = "-"
_NO_ROWS = "(no rows)"


class Table(Sequence[T_co], Generic[T_co]):
    """An unchangeable list of rows that shows itself as a table.

    Parameters
    ----------
    rows
        Dataclass instances or mappings, all with the same fields.

    Examples
    --------
    >>> table = Table([{"name": "vm1", "rtt_ms": 0.75}, {"name": "vm2", "rtt_ms": None}])
    >>> table
    name  rtt (ms)
    vm1       0.75
    vm2          -
    >>> table[1]["name"], len(table[:1])
    ('vm2', 1)
    >>> table.where(name="vm1").columns("rtt_ms")
    rtt (ms)
        0.75
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[T_co] = ()) -> None:
        self._rows = tuple(rows)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> "Table[T_co]": ...
    def __getitem__(self, index: int | slice) -> "T_co | Table[T_co]":
        return Table(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Table) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return text_table(self._rows)

    def _repr_html_(self) -> str:
        return html_table(self._rows)

    def where(self, **values: object) -> "Table[T_co]":
        """Return the rows that have these values in these columns.

        Raises
        ------
        SpecError
            If there is no such column.
        """
        return Table(row for row in self._rows if all(_value(row, name) == v for name, v in values.items()))

    def columns(self, *names: str) -> "Table[dict[str, Any]]":
        """Return the same rows with these columns only, in this order.

        Raises
        ------
        SpecError
            If there is no such column.
        """
        return Table({name: _value(row, name) for name in names} for row in self._rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as plain dictionaries, for JSON or ``pandas.DataFrame``."""
        return [asdict(row) if _is_record(row) else dict(row) for row in self._rows]  # type: ignore[call-overload]


def text_table(rows: Sequence[Any], *, caption: str = "") -> str:
    """Return rows as aligned text.

    Parameters
    ----------
    rows
        Dataclass instances or mappings, all with the same fields.
    caption
        Lines below the table.
    """
    if not rows:
        return "\n".join(filter(None, (_NO_ROWS, caption)))
    columns = [[head(name), *(_cell(value) for value in values)] for name, values in _columns(rows).items()]
    numeric = [_is_numeric(values) for values in _columns(rows).values()]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in zip(*columns, strict=True)
    ]
    return "\n".join([*lines, *([caption] if caption else [])])


def html_table(rows: Sequence[Any], *, caption: str = "") -> str:
    """Return rows as an HTML table; all values are escaped.

    Parameters
    ----------
    rows
        Dataclass instances or mappings, all with the same fields.
    caption
        Lines below the table.
    """
    note = "".join(f"<div><small>{escape(line)}</small></div>" for line in caption.splitlines())
    if not rows:
        return f"<em>{_NO_ROWS}</em>{note}"
    columns = _columns(rows)
    right = [_is_numeric(values) for values in columns.values()]
    heads = _line("th", [head(name) for name in columns], right)
    lines = [_line("td", map(_cell, line), right) for line in zip(*columns.values(), strict=True)]
    return f"<table><thead>{heads}</thead><tbody>{''.join(lines)}</tbody></table>{note}"


def head(name: str) -> str:
    """Return the head of a column.

    Examples
    --------
    >>> head("median_mbit_s"), head("prefix_length"), head("loss_percent")
    ('median (Mbit/s)', 'prefix length', 'loss (%)')
    """
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending).replace('_', ' ')} ({unit})"
    return name.replace("_", " ")


def _line(tag: str, cells: Iterable[str], right: Sequence[bool]) -> str:
    # JupyterLab aligns all cells to the right unless told otherwise.
    styled = (
        f'<{tag} style="text-align:{"right" if is_right else "left"}">{escape(cell)}</{tag}>'
        for cell, is_right in zip(cells, right, strict=True)
    )
    return f"<tr>{''.join(styled)}</tr>"


def _columns(rows: Sequence[Any]) -> dict[str, list[Any]]:
    if all(isinstance(row, Mapping) for row in rows):
        return {name: [row[name] for row in rows] for name in rows[0]}
    if not all(map(_is_record, rows)):
        raise TypeError(f"rows must be dataclass instances or mappings, not {type(rows[0]).__name__}")
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(rows[0])}


def _value(row: Any, name: str) -> Any:
    known = list(row) if isinstance(row, Mapping) else [field.name for field in fields(row)]
    if name not in known:
        raise SpecError(f"there is no column {name!r}", hint=f"there are: {', '.join(known)}")
    return row[name] if isinstance(row, Mapping) else getattr(row, name)


def _is_record(row: object) -> bool:
    return is_dataclass(row) and not isinstance(row, type)


def _is_numeric(values: Iterable[object]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def _cell(value: object) -> str:
    """Return a value as one line of text; numbers with three significant digits."""
    if value is None or value == "":
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(map(_cell, value)) or _NOTHING
    return " ".join(str(value).split())
