"""Take in what students hand in, whatever they called it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmlab import assignment
from kvmlab._repr import Table
from kvmlab.errors import ExerciseError
from kvmlab.exercise import hints
from kvmlab.grading.course import Course, check_student


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found of one student for one exercise.

    Attributes
    ----------
    student, exercise
        Whose, and which.
    state
        ``collected``, ``missing`` or ``unreadable``.
    remark
        What the student should know; empty for nothing.
    """

    student: str
    exercise: str
    state: str
    remark: str


def collect(course: Course, inbox: Path) -> Table[Collected]:
    """Copy what students handed in into the course.

    Parameters
    ----------
    course
        The course.
    inbox
        A folder with one folder for each student, called by their id; the notebooks are somewhere in it.

    Returns
    -------
    Table
        A row for each student and released exercise.

    Raises
    ------
    ExerciseError
        If the inbox is missing or empty, or a folder in it is no id of a student.
    """
    students = sorted(path for path in inbox.glob("*") if path.is_dir() and path.name[0] != ".")
    if not students:
        raise ExerciseError(
            f"{inbox} has no folders of students", hint="INBOX/STUDENT/…/EXERCISE.ipynb is what is looked for"
        )
    for folder in students:
        check_student(folder.name)
    return Table(row for folder in students for row in _of_student(course, folder))


def _of_student(course: Course, folder: Path) -> Iterator[Collected]:
    notebooks = sorted(
        path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts and path.is_file()
    )
    course.of(folder.name).mkdir(parents=True, exist_ok=True)  # who handed in nothing gets a row, too
    for exercise in course.exercises():
        exact = [path for path in notebooks if path.name == f"{exercise}.ipynb"]
        found = exact or [path for path in notebooks if _says(path) == exercise]
        if not found:
            yield Collected(folder.name, exercise, "missing", f"there is no {exercise}.ipynb")
            continue
        newest = max(found, key=lambda path: path.stat().st_mtime)
        remark = "" if exact else f"it is called {newest.name}"
        if len(found) > 1:
            remark = f"there are {len(found)}: the newest is {newest.relative_to(folder)}"
        says = _says(newest)
        if says not in (None, "", exercise):
            remark = f"it says that it is exercise {says!r}"
        state = "unreadable" if says is None else "collected"
        _take(newest, course.submitted(folder.name, exercise))
        yield Collected(folder.name, exercise, state, remark)


def _says(path: Path) -> str | None:
    """Return which exercise a notebook says that it is; empty for none, None if it cannot be read."""
    try:
        metadata = assignment.read_notebook(path).metadata.get("kvmlab", {})
    except ExerciseError:
        return None
    return str(metadata.get("exercise", "")) if isinstance(metadata, dict) else ""


def _take(source: Path, target: Path) -> None:
    """Copy a notebook and the note on hints beside it; the content of a link, never the link."""
    if target.parent.exists():
        shutil.rmtree(target.parent)
    target.parent.mkdir(parents=True)
    shutil.copyfile(source, target)
    note = source.with_name(hints.FILE)
    if note.is_file():
        shutil.copyfile(note, target.with_name(hints.FILE))
