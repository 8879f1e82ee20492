"""Points: what the checks of an exercise's tasks come to."""

from dataclasses import dataclass

from kvmlab._repr import html_table, text_table
from kvmlab.check.result import CheckResult, Outcome
from kvmlab.errors import KvmlabError
from kvmlab.exercise.exercise import Exercise, Task, Work


@dataclass(frozen=True, slots=True)
class Row:
    """One check of a task, as a table shows it."""

    task: str
    check: str
    outcome: str
    expected: str
    observed: str
    hint: str


@dataclass(frozen=True, slots=True)
class TaskScore:
    """What came of a task.

    Attributes
    ----------
    task
        Its name.
    points, possible
        What it earned, and what it is worth.
    results
        Its checks.
    """

    task: str
    points: int
    possible: int
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether all its checks passed."""
        return self.points == self.possible


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """What came of tasks of an exercise; shows itself as a table.

    Attributes
    ----------
    exercise
        Its name.
    tasks
        In their order.
    """

    exercise: str
    tasks: tuple[TaskScore, ...]

    @property
    def points(self) -> int:
        """What the tasks earned."""
        return sum(task.points for task in self.tasks)

    @property
    def possible(self) -> int:
        """What they are worth."""
        return sum(task.possible for task in self.tasks)

    @property
    def passed(self) -> bool:
        """Whether every task is done."""
        return all(task.passed for task in self.tasks)

    def rows(self) -> list[Row]:
        """Return every check with its task."""
        return [
            Row(task.task, one.check, one.outcome.value, one.expected, one.observed, one.hint)
            for task in self.tasks
            for one in task.results
        ]

    def _caption(self) -> str:
        errors = sum(row.outcome == Outcome.ERROR for row in self.rows())
        unknown = f"; {errors} checks could not be made" if errors else ""
        return f"{self.points} of {self.possible} points{unknown}"

    def __repr__(self) -> str:
        return text_table(self.rows(), caption=self._caption())

    def _repr_html_(self) -> str:
        return html_table(self.rows(), caption=self._caption())


def score(exercise: Exercise, work: Work, tasks: tuple[Task, ...] | None = None) -> Score:
    """Make the checks of an exercise, and count the points; a check that cannot be made earns nothing.

    Parameters
    ----------
    exercise
        The exercise.
    work
        What to look at.
    tasks
        Some of its tasks; by default all.
    """
    return Score(exercise.name, tuple(_score(task, work) for task in tasks or exercise.tasks))


def _score(task: Task, work: Work) -> TaskScore:
    try:
        results = tuple(task.look(work))
    except KvmlabError as error:
        said = str(error).splitlines()[0]
        results = (CheckResult(task.name, Outcome.ERROR, "it can be looked at", said, error.hint),)
    passed = bool(results) and all(result.passed for result in results)
    return TaskScore(task.name, task.points if passed else 0, task.points, results)
