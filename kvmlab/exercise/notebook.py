"""The notebook of an exercise: texts and checks come from the exercise, solutions stay where they are."""

from collections.abc import Iterator, Mapping
from typing import Any

from kvmlab import assignment
from kvmlab.assignment.cells import BEGIN, END
from kvmlab.assignment.submission import STUDENT
from kvmlab.exercise.exercise import Exercise, Task
from kvmlab.exercise.session import SEED, lab_name

_WHO = 'STUDENT = ""  # your student id; your login name if you leave it empty'
_BEGIN = """\
import kvmlab as kl

ex = kl.begin_exercise("{name}", student=STUDENT, seed="{seed}")
lab, values = ex.lab, ex.values
ex"""
_ABOUT = """\
# Exercise: {title}

{goal}

**What you will learn**

{learns}

| time | points | before it |
|---|---|---|
| {minutes} minutes | {points} | notebook `{notebook}` |

The tasks name *values*: yours are in the table below the second cell, and nobody else's are the same.
In your code they are `values.NAME`. You work in a lab of your own, `{lab}`; use what you like:
kvmlab, or `virsh`, `ip` and `nft` by hand (`lab.host.run([…])`, or a terminal with
`kvmlab exec --lab {lab} host bash`). What counts is how the lab is at the end, not how you did it."""
_CHECK = """\
The button looks at your lab as it is now, as often as you like; `ex.check()` does the same.
`ex.hint("TASK")` reveals a hint, and with the next call the next one: it is noted, and costs nothing."""
_END = """\
Save the notebook, and hand it in. `ex.finish()` ends the lab; to begin anew:
`kl.begin_exercise("{name}", student=STUDENT, fresh=True)`, with the same seed as above."""


def notebook_of(exercise: Exercise, solutions: Mapping[str, str]) -> Any:
    """Return the notebook of an exercise.

    Parameters
    ----------
    exercise
        The exercise.
    solutions
        Source of the cell of each task that students fill; a task without one gets an empty solution.
    """
    return assignment.notebook(_cells(exercise, solutions), kvmlab={"exercise": exercise.name})


def _cells(exercise: Exercise, solutions: Mapping[str, str]) -> Iterator[Any]:
    learns = "\n".join(f"- {line}" for line in exercise.learns)
    about = _ABOUT.format(
        title=exercise.title,
        goal=exercise.goal,
        learns=learns,
        minutes=exercise.minutes,
        points=exercise.points,
        notebook=exercise.notebook,
        lab=lab_name(exercise.name),
    )
    yield assignment.text_cell("about", about)
    yield assignment.solution_cell(STUDENT, _WHO)
    yield assignment.locked_cell("begin", _BEGIN.format(name=exercise.name, seed=SEED))
    yield assignment.text_cell("check-text", _CHECK)
    yield assignment.locked_cell("check", "ex.check_button()")
    for number, task in enumerate(exercise.tasks, 1):
        yield from _task_cells(number, task, solutions.get(task.name, f"{BEGIN}\n{END}"))
    yield assignment.text_cell("end", _END.format(name=exercise.name))


def _task_cells(number: int, task: Task, solution: str) -> Iterator[Any]:
    points = f"{task.points} point{'' if task.points == 1 else 's'}"
    yield assignment.text_cell(f"{task.name}-text", f"## {number}. `{task.name}` ({points})\n\n{task.text}")
    yield assignment.solution_cell(task.name, solution)
    test = f'# {points}\nex.require("{task.name}")'
    yield assignment.graded_cell(f"{task.name}-test", test, points=task.points)
