"""What an exercise is: its texts, what it asks of a learner, how its lab is prepared and looked at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kvmlab.check.result import CheckResult
from kvmlab.exercise.values import Chance, Value, Values
from kvmlab.lab import Lab


@dataclass(frozen=True, slots=True)
class Work:
    """What a check looks at.

    Attributes
    ----------
    lab
        The learner's lab.
    values
        What was asked of this learner.
    answers
        What the learner answered, by name.
    """

    lab: Lab
    values: Values
    answers: Mapping[str, str]


#: Looks at a learner's work; the task is done if every result is passed.
Look = Callable[[Work], Sequence[CheckResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A part of an exercise that earns points, all or none.

    Attributes
    ----------
    name
        One word, unique in its exercise.
    text
        What to do, in Markdown; it names values, the learner sees theirs in a table.
    points
        What it is worth.
    look
        The checks.
    hints
        Revealed one after the other.
    """

    name: str
    text: str
    points: int
    look: Look
    hints: tuple[str, ...]


def _no_preparation(_lab: Lab, _values: Values) -> None:
    """Leave the lab as it is: empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """An exercise.

    Attributes
    ----------
    name
        Its name, which is also that of its notebook.
    title, goal
        What it is about, and what runs at its end.
    learns
        What a learner will be able to do.
    minutes
        How long it takes.
    notebook
        The notebook to work through before.
    subjects
        Network modes, NIC models and other subjects that it covers.
    draw
        Draws the learner's values.
    tasks
        What is graded, in its order.
    prepare
        Brings the lab into the state in which the learner finds it.
    """

    name: str
    title: str
    goal: str
    learns: tuple[str, ...]
    minutes: int
    notebook: str
    subjects: frozenset[str]
    draw: Callable[[Chance], Mapping[str, Value]]
    tasks: tuple[Task, ...]
    prepare: Callable[[Lab, Values], None] = _no_preparation

    @property
    def points(self) -> int:
        """What all of it is worth."""
        return sum(task.points for task in self.tasks)

    def values(self, student: str, seed: str) -> Values:
        """Return what is asked of a student."""
        return Values(self.draw(Chance(self.name, student, seed)))

    def task(self, name: str) -> Task:
        """Return a task by its name; the caller knows that there is one."""
        return next(task for task in self.tasks if task.name == name)
