"""Commands for who gives a course: release, collect, grade, feedback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvmlab.cli.output import JsonOption, print_rows

if TYPE_CHECKING:
    from kvmlab.grading import Course, Result

app = typer.Typer(help="Give a course: exercises out, work in, grades and feedback.", no_args_is_help=True)

CourseArgument = Annotated[
    Path, typer.Argument(metavar="COURSE", file_okay=False, help="Folder of the course.")
]
Exercises = Annotated[
    list[str] | None,
    typer.Option("--exercise", "-e", metavar="NAME", show_default=False, help="This one; may be repeated."),
]
Students = Annotated[
    list[str] | None,
    typer.Option("--student", "-s", metavar="ID", show_default=False, help="This one; may be repeated."),
]


def _course(folder: Path) -> "Course":
    from kvmlab.grading import Course

    return Course.open(folder)


@app.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """List the exercises in the order of the course."""
    from kvmlab.exercise import list_exercises

    print_rows(list_exercises(), as_json=as_json, empty="no exercises")


@app.command()
def release(
    course: CourseArgument,
    exercises: Exercises = None,
    seed: Annotated[
        str, typer.Option(help="Of the course: each student's values follow from it and their id.")
    ] = "kvmlab",
) -> None:
    """Write the notebooks that students get, without solutions, into COURSE/release."""
    from kvmlab import grading

    for path in grading.release(grading.Course(course.absolute(), seed), exercises or ()):
        print(path)


@app.command()
def collect(
    course: CourseArgument,
    inbox: Annotated[
        Path,
        typer.Argument(metavar="INBOX", help="Folder with one folder for each student, called by their id."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Take in what students handed in, also under another name, into COURSE/submitted."""
    from kvmlab import grading

    print_rows(grading.collect(_course(course), inbox), as_json=as_json, empty="nothing was handed in")


@app.command()
def grade(
    course: CourseArgument,
    exercises: Exercises = None,
    students: Students = None,
    jobs: Annotated[
        int,
        typer.Option("--jobs", "-j", min=0, show_default="one for each CPU", help="Submissions at a time."),
    ] = 0,
    cell_seconds: Annotated[int, typer.Option(min=1, help="How long one cell of a notebook may take.")] = 120,
    as_json: JsonOption = False,
) -> None:
    """Grade what was collected, each in a sandbox with a lab of its own; write COURSE/grades.csv.

    The status is 1 if something could not be graded: grade that again.
    """
    from kvmlab import grading
    from kvmlab.grading.grade import row_of

    opened = _course(course)
    with _bar() as told:
        found = grading.grade(
            opened,
            exercises=exercises or (),
            students=students or (),
            jobs=jobs,
            cell_seconds=cell_seconds,
            told=told,
        )
    print_rows([row_of(one) for one in found], as_json=as_json, empty="nothing was graded")
    if not as_json:
        print(f"\ngrades: {opened.grades}\npages for students: kvmlab course feedback {course}")
    raise typer.Exit(1 if any(one.points is None for one in found) else 0)


@contextmanager
def _bar() -> "Iterator[Callable[[Result, int, int], None]]":
    """Show on a terminal how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("grading", total=None)

        def told(one: "Result", done: int, of: int) -> None:
            bars.update(task, description=f"{one.student}: {one.exercise}", completed=done, total=of)

        yield told


@app.command()
def feedback(course: CourseArgument) -> None:
    """Write a page for each student into COURSE/feedback: points, checks, hints, and their notebook."""
    from kvmlab import grading

    for path in grading.write_feedback(_course(course)):
        print(path)


@app.command(hidden=True)
def write(
    names: Annotated[list[str] | None, typer.Argument(metavar="EXERCISE", help="Exercises; all.")] = None,
) -> None:
    """Write the notebooks of exercises in a checkout anew from their modules; solutions stay."""
    from kvmlab.exercise.catalogue import NAMES
    from kvmlab.grading.releasing import source_of, write_source

    for name in names or NAMES:
        write_source(name, source_of(name))
        print(source_of(name))
