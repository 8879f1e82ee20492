"""An exercise while a learner works on it: its lab, its values, hints, checks."""

import getpass
import os
from collections.abc import Mapping
from pathlib import Path

from kvmlab.errors import ExerciseError, KvmlabError, LabError
from kvmlab.exercise import catalogue, hints, record
from kvmlab.exercise.exercise import Exercise, Task, Work
from kvmlab.exercise.hints import Hint
from kvmlab.exercise.record import Record
from kvmlab.exercise.score import Score, score
from kvmlab.exercise.values import Values
from kvmlab.lab import Lab, list_labs

#: Seed of a course that nobody gave one.
SEED = "kvmlab"
#: Set in the environment of a notebook that is graded: its lab is looked at when it has ended.
GRADING = "KVMLAB_GRADING"


def lab_name(exercise: str) -> str:
    """Return the name of an exercise's lab: several exercises can be worked on at once."""
    return f"ex-{exercise}"


def begin_exercise(name: str, *, student: str = "", seed: str = SEED, fresh: bool = False) -> "Session":
    """Begin an exercise, or go on with it: its lab is started and prepared if it does not run.

    Parameters
    ----------
    name
        Name of the exercise (:func:`list_exercises`).
    student
        Id of the learner; by default the login name. The values follow from it.
    seed
        Seed of the course; the values follow from it, too.
    fresh
        End the lab that is there, with all that is in it, and begin anew.

    Raises
    ------
    ExerciseError
        If there is no such exercise, or its lab is another learner's, or was not prepared.

    Examples
    --------
    >>> ex = kl.begin_exercise("nat", student="kim")  # doctest: +SKIP
    """
    exercise = catalogue.find(name)
    wanted = Record(exercise.name, student.strip() or getpass.getuser(), seed)
    lab = None if fresh else _running(wanted)
    return Session(exercise, wanted, lab or _prepared(exercise, wanted))


def _running(wanted: Record) -> Lab | None:
    name = lab_name(wanted.exercise)
    try:
        lab = Lab.attach(name)
    except LabError:
        return None
    found = record.read(lab.path)
    hint = "begin_exercise(…, fresh=True) ends that lab and begins anew"
    if found is None:
        raise ExerciseError(f"lab {name!r} runs, but was not prepared for this exercise", hint=hint)
    if found != wanted:
        whose = f"student {found.student!r} with course seed {found.seed!r}"
        raise ExerciseError(f"lab {name!r} is that of {whose}, not of {wanted.student!r}", hint=hint)
    return lab


def _prepared(exercise: Exercise, wanted: Record) -> Lab:
    lab = Lab.start(lab_name(exercise.name), replace=True)
    try:
        exercise.prepare(lab, exercise.values(wanted.student, wanted.seed))
        record.write(lab.path, wanted)
    except BaseException:
        lab.stop()
        raise
    return lab


class Session:
    """An exercise that was begun; made by :func:`begin_exercise`. Shows what is asked of its learner.

    Parameters
    ----------
    exercise
        The exercise.
    whose
        Its learner.
    lab
        Its lab.
    """

    def __init__(self, exercise: Exercise, whose: Record, lab: Lab) -> None:
        self.exercise = exercise
        self.student, self.seed = whose.student, whose.seed
        self.lab = lab
        self.values: Values = exercise.values(whose.student, whose.seed)
        self._folder = Path.cwd()

    def _heading(self) -> str:
        return f"Exercise {self.exercise.name} of {self.student}, {self.exercise.points} points"

    def __repr__(self) -> str:
        return f"{self._heading()}\n{self.values!r}"

    def _repr_html_(self) -> str:
        return f"<p>{self._heading()}</p>{self.values._repr_html_()}"

    def check(self, task: str | None = None) -> Score:
        """Look at the lab and say what is right and what is not yet.

        Parameters
        ----------
        task
            Name of a task; all by default.

        Raises
        ------
        ExerciseError
            If the exercise has no such task, or its lab does not run any more.
        """
        tasks = self.exercise.tasks if task is None else (self._task(task),)
        self._check_lab()
        return score(self.exercise, Work(self.lab, self.values, self.answers), tasks)

    def _check_lab(self) -> None:
        try:
            found = record.read(Lab.attach(self.lab.name).path)
        except LabError as error:
            others = ", ".join(info.name for info in list_labs())
            aside = f"; what is in {others} is not looked at" if others else ""
            raise ExerciseError(
                f"lab {self.lab.name!r} of this exercise does not run{aside}",
                hint="run the cell with begin_exercise again",
            ) from error
        if found != Record(self.exercise.name, self.student, self.seed):
            raise ExerciseError(
                f"lab {self.lab.name!r} was started anew, and not by this exercise",
                hint="begin_exercise(…, fresh=True) begins anew",
            )

    def require(self, task: str) -> None:
        """Raise if a task is not done; what the graded cells of the notebook do.

        Raises
        ------
        ExerciseError
            Saying what was expected and observed.
        """
        found = self.check(task)
        if not found.passed:
            wrong = [row for row in found.rows() if row.outcome != "passed"]
            lines = [f"{row.check}: {row.outcome}; {row.observed}" for row in wrong]
            raise ExerciseError(
                f"task {task!r} is not done yet:\n  " + "\n  ".join(lines),
                hint=f"ex.check({task!r}) shows it as a table, ex.hint({task!r}) helps on",
            )

    def hint(self, task: str) -> Hint:
        """Return the next hint of a task; it is noted which were shown, which costs nothing."""
        return hints.reveal(self._folder, self.exercise.name, self._task(task))

    @property
    def answers(self) -> Mapping[str, str]:
        """What was answered so far."""
        return record.read_answers(self.lab.path)

    def answer(self, **answers: str | int) -> None:
        """Answer questions of the exercise; a later answer replaces an earlier one.

        Raises
        ------
        ExerciseError
            If the lab does not run.
        """
        self._check_lab()
        record.answer(self.lab.path, {name: str(value).strip() for name, value in answers.items()})

    def check_button(self) -> object:
        """Return a button that checks, and a table of what came of it."""
        from kvmlab.exercise.button import CheckButton

        return CheckButton(self.check, self._heading())

    def finish(self) -> None:
        """End the exercise's lab; nothing is left of it. While it is graded, the lab stays."""
        if os.environ.get(GRADING):
            return
        try:
            self.lab.stop()
        except KvmlabError as error:
            raise ExerciseError(f"lab {self.lab.name!r} of this exercise does not run") from error

    def _task(self, name: str) -> Task:
        known = [task.name for task in self.exercise.tasks]
        if name not in known:
            raise ExerciseError(
                f"exercise {self.exercise.name!r} has no task {name!r}", hint=f"it has {', '.join(known)}"
            )
        return self.exercise.task(name)
