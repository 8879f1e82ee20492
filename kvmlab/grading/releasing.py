"""Give exercises out: notebooks without solutions."""

from collections.abc import Sequence
from pathlib import Path

from kvmlab import assignment
from kvmlab.errors import ExerciseError
from kvmlab.exercise.catalogue import NAMES, find
from kvmlab.exercise.notebook import notebook_of
from kvmlab.grading.course import Course
from kvmlab.jupyter import course_dir


def source_of(exercise: str) -> Path:
    """Return the notebook of an exercise with its solutions."""
    return course_dir() / "exercises" / exercise / f"{exercise}.ipynb"


def release(course: Course, names: Sequence[str] = ()) -> list[Path]:
    """Write the notebooks that students get.

    Parameters
    ----------
    course
        Where to.
    names
        Exercises; all by default.

    Returns
    -------
    list
        The notebooks.

    Raises
    ------
    ExerciseError
        If there is no such exercise, or the seed cannot be one.
    """
    if not course.seed or any(character in course.seed for character in '"\\\n'):
        raise ExerciseError("the seed is empty, or has a quote or a backslash", hint="such as 2026-spring")
    found = [find(name).name for name in names or NAMES]
    sources = {
        name: assignment.released(assignment.read_notebook(source_of(name)), seed=course.seed)
        for name in found
    }
    course.save()
    for name, notebook in sources.items():
        assignment.write_notebook(notebook, course.released(name))
    return [course.released(name) for name in sources]


def write_source(name: str, path: Path) -> None:
    """Write the notebook of an exercise anew from its texts and checks; solutions that are there stay.

    Parameters
    ----------
    name
        Name of the exercise.
    path
        The notebook; it need not exist yet.
    """
    kept = assignment.solutions(assignment.read_notebook(path)) if path.exists() else {}
    assignment.write_notebook(notebook_of(find(name), kept), path)
