"""Commands on the machine: doctor and bench."""

from pathlib import Path
from typing import Annotated

import typer

from kvmlab.cli.output import JsonOption, print_json


def doctor(as_json: JsonOption = False) -> None:
    """Check all that labs need, and say how to mend what is missing."""
    from kvmlab.doctor import examine

    report = examine()
    if as_json:
        print_json(report.to_dict())
    else:
        print(report)
    raise typer.Exit(0 if report.can_run_labs else 1)


def bench(
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of each figure.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="Figures to measure; all by default.")] = None,
    as_json: JsonOption = False,
    output: Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")] = None,
) -> None:
    """Measure how fast labs and guests are here, beside raw QEMU in the same run."""
    from kvmlab import bench as benchmarks

    report = benchmarks.run_bench(repeats=repeats, only=only)
    if output is not None:
        output.write_text(report.to_json(), encoding="utf-8")
    print(report.to_json() if as_json else report)
