"""Commands on the machine: doctor and bench."""

import os
from pathlib import Path
from typing import Annotated

import typer

from kvmlab.cli.output import JsonOption, print_json


def doctor(as_json: JsonOption = False) -> None:
    """Check all that labs need, and say how to mend what is missing; status 1 if labs cannot run."""
    from kvmlab.doctor import examine

    report = examine()
    if as_json:
        print_json(report.to_dict())
    else:
        print(report)
    raise typer.Exit(0 if report.can_run_labs else 1)


def _writable(path: Path | None) -> Path | None:
    """Refuse before the minutes of measuring what cannot be written after them."""
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise typer.BadParameter(f"{path} cannot be written")
    return path


def bench(
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of each figure.")] = 5,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="FIGURE", show_default=False, help="Only this figure; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=_writable, help="Also write JSON to this file.")
    ] = None,
) -> None:
    """Measure how fast labs and guests are here, beside plain QEMU in the same run.

    Takes some minutes. Runs in labs of its own, which end with it.
    """
    from kvmlab import bench as benchmarks

    if unknown := sorted(set(only or ()) - set(benchmarks.FIGURES)):
        known = ", ".join(benchmarks.FIGURES)
        raise typer.BadParameter(f"no figure {', '.join(unknown)}; there are {known}", param_hint="--only")
    report = benchmarks.run_bench(repeats=repeats, only=only)
    if output is not None:
        output.write_text(report.to_json() + "\n", encoding="utf-8")
    print(report.to_json() if as_json else report)
