"""The folder of a course, and what is where in it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from kvmlab.errors import ExerciseError
from kvmlab.exercise import SEED

_SETTINGS = "course.json"
#: What a folder of a student may be called.
_STUDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Course:
    """A course in a folder.

    Attributes
    ----------
    folder
        The folder.
    seed
        The values of all students follow from it.
    """

    folder: Path
    seed: str = SEED

    @classmethod
    def open(cls, folder: Path) -> "Course":
        """Return the course in a folder.

        Raises
        ------
        ExerciseError
            If there is none.
        """
        try:
            found = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
            return cls(folder.absolute(), str(found["seed"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ExerciseError(
                f"{folder} holds no course: {_SETTINGS} is missing or damaged",
                hint=f"kvmlab course release {folder}",
            ) from error

    def save(self) -> None:
        """Write its settings down."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _SETTINGS).write_text(json.dumps({"seed": self.seed}) + "\n", encoding="utf-8")

    def released(self, exercise: str) -> Path:
        """Return where the notebook is that students get."""
        return self.folder / "release" / exercise / f"{exercise}.ipynb"

    def of(self, student: str) -> Path:
        """Return where all is that a student handed in."""
        return self.folder / "submitted" / student

    def submitted(self, student: str, exercise: str) -> Path:
        """Return where the notebook is that a student handed in."""
        return self.of(student) / exercise / f"{exercise}.ipynb"

    def executed(self, student: str, exercise: str) -> Path:
        """Return where that notebook is as it was run, with its outputs."""
        return self.folder / "graded" / student / exercise / f"{exercise}.ipynb"

    def result(self, student: str, exercise: str) -> Path:
        """Return where it is kept what came of it."""
        return self.folder / "graded" / student / exercise / "result.json"

    def feedback(self, student: str) -> Path:
        """Return where the page for a student is."""
        return self.folder / "feedback" / f"{student}.html"

    @property
    def grades(self) -> Path:
        """Where the table of all grades is."""
        return self.folder / "grades.csv"

    def exercises(self) -> list[str]:
        """Return the exercises that were released, in alphabetical order."""
        return sorted(path.parent.name for path in (self.folder / "release").glob("*/*.ipynb"))

    def students(self) -> list[str]:
        """Return the students of whom something was collected, in alphabetical order."""
        return sorted(path.name for path in (self.folder / "submitted").glob("*") if path.is_dir())


def check_student(name: str) -> str:
    """Refuse what is no id of a student: it becomes part of paths.

    Raises
    ------
    ExerciseError
        Saying what is allowed.
    """
    if not _STUDENT.fullmatch(name):
        raise ExerciseError(
            f"{name[:80]!r} is no id of a student",
            hint="letters, digits, dots, hyphens, underscores and @; at most 64",
        )
    return name
