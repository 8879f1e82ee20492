"""Records of trials as one tidy table: a row per trial, a column per factor and per figure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmlab._repr import head
from kvmlab.errors import SpecError
from kvmlab.experiment.comparison import ONLY_GROUP
from kvmlab.experiment.factors import FACTORS
from kvmlab.experiment.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

Record = Mapping[str, Any]

#: Key under which a Parquet file carries the plan, and first words of a CSV that does.
_KEY, _MARK = b"kvmlab_experiment", "# kvmlab_experiment "
_PLAIN = ("index", "repeat", "outcome", "reason", "limiter", "site", "began", "elapsed_s")


def to_frame(plan: Plan, records: Sequence[Record]) -> "pd.DataFrame":
    """Return records as a table, in the order in which they were measured."""
    import pandas as pd

    rows = [
        {
            **{name: record[name] for name in ("index", "repeat")},
            **record["point"],
            **{column: record["values"].get(column) for column in plan.columns},
            **{name: record[name] for name in _PLAIN[2:]},
            **{f"host_{name}": value for name, value in record["host"].items()},
        }
        for record in sorted(records, key=lambda record: record["index"])
    ]
    frame = pd.DataFrame(rows)
    for column in plan.columns if rows else ():
        frame[column] = pd.to_numeric(frame[column])  # a failed trial has none: NaN
    return frame


def from_frame(frame: "pd.DataFrame", plan: Plan) -> list[dict[str, Any]]:
    """Return the records that a table was made of."""
    import pandas as pd

    def plain(value: Any) -> Any:
        return None if pd.isna(value) else value.item() if hasattr(value, "item") else value

    records = []
    for row in frame.to_dict(orient="records"):
        cells = {str(name): plain(value) for name, value in row.items()}
        values = {column: cells[column] for column in plan.columns}
        host = {
            name.removeprefix("host_"): value for name, value in cells.items() if name.startswith("host_")
        }
        point = {name: cells[name] if cells[name] is not None else "" for name in FACTORS}
        record = {name: cells[name] if cells[name] is not None else "" for name in _PLAIN}
        has_failed = record["outcome"] == "failed"
        records.append({**record, "point": point, "values": {} if has_failed else values, "host": host})
    return records


def label(plan: Plan, record: Record, by: Sequence[str] | None = None) -> str:
    """Return the levels of a record that tell its group from others."""
    return " · ".join(named(name, record["point"][name]) for name in groups_of(plan, by)) or ONLY_GROUP


def named(name: str, level: Any) -> str:
    """Return a level as people write it."""
    words = head(name)
    if isinstance(level, str):
        return level or f"{words}: as is" if name != "offloads" else level or "driver's offloads"
    return f"{words} {level:g}"


def groups_of(plan: Plan, by: Sequence[str] | None) -> list[str]:
    """Return the factors that make groups: those named, or all that vary."""
    unknown = [name for name in by or () if name not in FACTORS]
    if unknown:
        raise SpecError(f"factor {unknown[0]!r} is unknown", hint=f"known: {', '.join(FACTORS)}")
    return list(by) if by is not None else [name for name, levels in plan.factors.items() if len(levels) > 1]


def _in_order(plan: Plan, records: Sequence[Record], by: Sequence[str] | None) -> dict[str, list[Record]]:
    """Return the records by group, in the order of the plan's points."""
    places = {json.dumps(point, sort_keys=True): place for place, point in enumerate(plan.points)}
    ordered = sorted(records, key=lambda r: (places[json.dumps(r["point"], sort_keys=True)], r["repeat"]))
    found: dict[str, list[Record]] = {}
    for record in ordered:
        found.setdefault(label(plan, record, by), []).append(record)
    return found


def _values(records: Iterable[Record], column: str) -> tuple[float, ...]:
    found = (record["values"].get(column) for record in records if record["outcome"] == "measured")
    return tuple(float(value) for value in found if value is not None)


def check_column(plan: Plan, column: str) -> None:
    """Refuse a column that the plan does not measure."""
    if column not in plan.columns:
        raise SpecError(f"{column!r} was not measured", hint=f"there are: {', '.join(plan.columns)}")


def samples(
    plan: Plan, records: Sequence[Record], column: str, by: Sequence[str] | None = None
) -> dict[str, tuple[float, ...]]:
    """Return what was measured, by group; see :meth:`Results.samples`."""
    check_column(plan, column)
    return {group: _values(rows, column) for group, rows in _in_order(plan, records, by).items()}


def failed(plan: Plan, records: Sequence[Record], by: Sequence[str] | None = None) -> dict[str, int]:
    """Return how many trials of each group failed."""
    return {
        group: sum(record["outcome"] == "failed" for record in rows)
        for group, rows in _in_order(plan, records, by).items()
    }


def where(plan: Plan, records: Sequence[Record], column: str, levels: Mapping[str, Any]) -> tuple[float, ...]:
    """Return what was measured at some levels."""
    check_column(plan, column)
    groups_of(plan, list(levels))
    rows = (r for r in records if all(r["point"][name] == level for name, level in levels.items()))
    return _values(rows, column)


def narrowed(plan: Plan, levels: Mapping[str, Any]) -> Plan:
    """Return a plan with one level of some factors; see :meth:`Results.where`."""
    groups_of(plan, list(levels))
    for name, level in levels.items():
        known = list(plan.factors.get(name, (FACTORS[name].default,)))
        if level not in known:
            raise SpecError(
                f"{name} {level!r} was not measured", hint=f"there are: {', '.join(map(str, known))}"
            )
    return replace(plan, factors={**plan.factors, **{name: [level] for name, level in levels.items()}})


def against(
    plan: Plan, records: Sequence[Record], column: str, factor: str, by: Sequence[str] | None
) -> dict[str, dict[float, tuple[float, ...]]]:
    """Return what was measured, by group and by the level of one factor."""
    check_column(plan, column)
    rest = [name for name in groups_of(plan, by) if name != factor]
    lines: dict[str, dict[float, tuple[float, ...]]] = {}
    for group, rows in _in_order(plan, records, rest).items():
        for level in sorted({row["point"][factor] for row in rows}):
            values = _values((row for row in rows if row["point"][factor] == level), column)
            if values:
                lines.setdefault(group, {})[float(level)] = values
    return lines


def quantity(column: str) -> str:
    """Return a column as the label of an axis."""
    return head(column)


def save(plan: Plan, records: Sequence[Record], path: Path) -> None:
    """Write the table with its plan; see :meth:`Results.save`."""
    frame, about = to_frame(plan, records), json.dumps(plan.to_dict())
    if path.suffix == ".csv":
        path.write_text(f"{_MARK}{about}\n{frame.to_csv(index=False)}", encoding="utf-8")
    elif path.suffix == ".parquet":
        pa, parquet = _arrow()
        found = pa.Table.from_pandas(frame, preserve_index=False)
        metadata = {**(found.schema.metadata or {}), _KEY: about.encode()}
        parquet.write_table(found.replace_schema_metadata(metadata), path)
    else:
        raise SpecError(f"cannot write {path.name!r}", hint="its name must end in .parquet or .csv")


def load(path: Path) -> tuple[Plan, list[dict[str, Any]]]:
    """Read what :func:`save` wrote; see :meth:`Results.load`."""
    import pandas as pd

    try:
        if path.suffix == ".csv":
            about = path.read_text(encoding="utf-8").partition("\n")[0]
            plan = Plan.from_dict(json.loads(about.removeprefix(_MARK)))
            frame = pd.read_csv(path, skiprows=1)
        else:
            _, parquet = _arrow()
            found = parquet.read_table(path)
            plan = Plan.from_dict(json.loads(found.schema.metadata[_KEY]))
            frame = found.to_pandas()
        return plan, from_frame(frame, plan)
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{path} holds no results of an experiment") from error


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise SpecError(
            "Parquet needs pyarrow, which is not installed",
            hint="pip install 'kvmlab[parquet]', or save as .csv",
        ) from error
