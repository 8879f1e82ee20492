"""Commands on experiments: run one, show its results, compare two runs."""

from pathlib import Path
from typing import Annotated

import typer

from kvmlab.cli.output import JsonOption, print_rows

ResultsArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Results: .jsonl, .csv or .parquet."),
]


def _levels(text: str) -> tuple[str, list[str | int | float]]:
    """Read a factor as it is typed: ``model=virtio,rtl8139``."""
    name, equals, rest = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not of the form NAME=LEVEL,LEVEL", param_hint="--factor")
    return name, [_number(level) for level in rest.split(",")]


def _number(level: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(level)
        except ValueError:
            continue
    return level


def factors(as_json: JsonOption = False) -> None:
    """List what an experiment can vary and measure."""
    from kvmlab.experiment import FACTORS, MEASURES

    rows = [
        {"kind": "factor", "name": factor.name, "default": str(factor.default), "what": factor.meaning}
        for factor in FACTORS.values()
    ]
    rows += [
        {
            "kind": "measure",
            "name": name,
            "default": "yes" if name in ("ping", "tcp") else "",
            "what": ", ".join(c),
        }
        for name, c in MEASURES.items()
    ]
    print_rows(rows, as_json=as_json, empty="nothing")


def run(
    output: Annotated[
        Path,
        typer.Argument(metavar="FILE", dir_okay=False, help="Results as JSON lines; goes on if it is there."),
    ],
    factors: Annotated[
        list[str] | None,
        typer.Option(
            "--factor",
            "-f",
            metavar="NAME=LEVEL,...",
            show_default=False,
            help="What varies; may be repeated.",
        ),
    ] = None,
    measures: Annotated[
        list[str] | None,
        typer.Option("--measure", "-m", show_default="ping, tcp", help="What is measured; may be repeated."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each point is measured.")] = 5,
    seconds: Annotated[int, typer.Option("--time", "-t", min=1, help="Seconds of traffic each.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the random order.")] = 1,
) -> None:
    """Run an experiment in a lab of its own; Ctrl-C stops it, the same command goes on.

    Each combination of the factors' levels is measured; `kvmlab measure
    factors` lists what can be varied, and what can be measured.
    """
    from kvmlab.experiment import Plan, run_experiment

    plan = Plan(
        factors=dict(map(_levels, factors or [])),
        measures=tuple(measures or ("ping", "tcp")),
        repeats=repeats,
        duration_s=seconds,
        seed=seed,
    )
    results = run_experiment(plan, output)
    if results.unwritten:  # what was measured must not end with this process
        rescue = Path.home() / f"{output.stem}-{plan.digest}.csv"
        results.save(rescue)
        print(f"{results.unwritten}; the results are in {rescue}")
    print(results)
    raise typer.Exit(1 if results.unwritten or len(results.failures) == len(results.records) else 0)


def show(
    file: ResultsArgument,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Also write .csv, .parquet or .png."),
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="COLUMN", show_default=False, help="Only this figure, with intervals.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show the results of an experiment: medians, or one figure with its confidence intervals."""
    from kvmlab.experiment import Results

    results = Results.load(file)
    if save is not None and save.suffix in (".png", ".svg"):
        results.plot(column or results.plan.columns[0]).save(save)
    elif save is not None:
        results.save(save)
    if column:
        print_rows(results.summary(column), as_json=as_json, empty="nothing was measured")
    elif as_json:
        print(results.table.to_json(orient="records", indent=2))
    else:
        print(results)


def compare(
    before: ResultsArgument,
    after: ResultsArgument,
    column: Annotated[
        str, typer.Option(metavar="COLUMN", show_default=False, help="What to compare; the first figure.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Compare two runs of an experiment, with confidence intervals of the ratios."""
    from kvmlab.experiment import Results

    first, second = Results.load(before), Results.load(after)
    rows = first.compare(second, column or first.plan.columns[0])
    print_rows(rows, as_json=as_json, empty="nothing to compare")
