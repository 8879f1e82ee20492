"""What came of a submission."""

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kvmlab.check.result import CheckResult, Outcome
from kvmlab.exercise.score import Score, TaskScore


class Status(enum.StrEnum):
    """How grading went.

    Only ``not graded`` is the grader's own trouble, and no grade.
    """

    GRADED = "graded"
    MISSING = "missing"
    REFUSED = "refused"
    STOPPED = "stopped"
    TAMPERED = "tampered"
    NOT_GRADED = "not graded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one submission.

    Attributes
    ----------
    student, exercise
        Whose, and which.
    status
        How grading went.
    possible
        What the exercise is worth.
    reason
        Why it was not graded as usual; empty if it was.
    remarks
        What is not as it was handed out.
    hints
        How many hints were used.
    tasks
        What came of each task; empty where nothing could be looked at.
    """

    student: str
    exercise: str
    status: Status
    possible: int
    reason: str = ""
    remarks: tuple[str, ...] = ()
    hints: int = 0
    tasks: tuple[TaskScore, ...] = ()

    @property
    def points(self) -> int | None:
        """What it earned; None if it was not graded."""
        return None if self.status is Status.NOT_GRADED else sum(task.points for task in self.tasks)

    @property
    def unclear(self) -> int:
        """How many checks could not be made."""
        return sum(one.outcome is Outcome.ERROR for task in self.tasks for one in task.results)

    @property
    def score(self) -> Score:
        """The tasks as a table."""
        return Score(self.exercise, self.tasks)

    def write(self, path: Path) -> None:
        """Write it down."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Return what was written down."""
        found = json.loads(path.read_text(encoding="utf-8"))
        tasks = tuple(_task(row) for row in found["tasks"])
        status, remarks = Status(found["status"]), tuple(found["remarks"])
        return cls(**{**found, "status": status, "remarks": remarks, "tasks": tasks})


def _task(row: Mapping[str, Any]) -> TaskScore:
    results = tuple(CheckResult(**{**one, "outcome": Outcome(one["outcome"])}) for one in row["results"])
    return TaskScore(row["task"], row["points"], row["possible"], results)
