"""Grade submissions of a whole class, several at a time, and write the table of grades."""

import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from kvmlab._repr import Table
from kvmlab._run import LocalRunner
from kvmlab.errors import ExerciseError, HostError, KvmlabError
from kvmlab.exercise.catalogue import find
from kvmlab.grading.attempt import Job, write_job
from kvmlab.grading.course import Course
from kvmlab.grading.result import Result, Status
from kvmlab.host.namespaces import is_real_root

#: Seconds that grading may take beyond what it grants the notebook and the checks.
_SPARE_S = 120
COLUMNS = (
    "student",
    "exercise",
    "points",
    "possible",
    "status",
    "reason",
    "remarks",
    "hints",
    "checks_not_made",
)


def grade(
    course: Course,
    *,
    exercises: Sequence[str] = (),
    students: Sequence[str] = (),
    jobs: int = 0,
    cell_seconds: int = 120,
    told: Callable[[Result, int, int], None] = lambda _result, _done, _all: None,
) -> Table[Result]:
    """Grade what was collected; rows of grades that were not asked for stay as they are.

    Parameters
    ----------
    course
        The course.
    exercises, students
        Some of them; by default all.
    jobs
        How many submissions at a time; by default one for each CPU.
    cell_seconds
        How long one cell of a notebook may take.
    told
        Called after each, with how many are done of how many.

    Raises
    ------
    ExerciseError
        If nothing was released or collected, or a name is unknown.
    HostError
        As root.
    """
    if is_real_root():
        raise HostError(
            "submissions are not run by root", hint="grade as an ordinary user: labs need no root"
        )
    wanted = [
        (student, exercise)
        for exercise in _some(exercises, course.exercises(), "exercise", "kvmlab course release")
        for student in _some(students, course.students(), "student", "kvmlab course collect")
    ]
    found: list[Result] = []
    with ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 1) as pool:
        waiting = [pool.submit(_one, course, student, exercise, cell_seconds) for student, exercise in wanted]
        try:
            for one in as_completed(waiting):
                found.append(one.result())
                told(found[-1], len(found), len(wanted))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    write_grades(course)
    return Table(sorted(found, key=lambda result: (result.exercise, result.student)))


def _some(names: Sequence[str], present: Sequence[str], what: str, command: str) -> Sequence[str]:
    if not present:
        raise ExerciseError(f"the course has no {what} yet", hint=f"first: {command}")
    for name in names:
        if name not in present:
            raise ExerciseError(f"the course has no {what} {name!r}", hint=f"it has {', '.join(present)}")
    return names or present


def _one(course: Course, student: str, exercise: str, cell_seconds: int) -> Result:
    found = _attempted(course, student, exercise, cell_seconds)
    found.write(course.result(student, exercise))
    return found


def _attempted(course: Course, student: str, exercise: str, cell_seconds: int) -> Result:
    def without_points(status: Status, reason: str) -> Result:
        possible = find(exercise).points
        return Result(student=student, exercise=exercise, possible=possible, status=status, reason=reason)

    if not course.submitted(student, exercise).is_file():
        return without_points(Status.MISSING, f"there is no {exercise}.ipynb")
    try:
        return _run(course, student, exercise, cell_seconds)
    except (KvmlabError, OSError, ValueError, KeyError) as error:
        return without_points(Status.NOT_GRADED, str(error).splitlines()[0])


def _run(course: Course, student: str, exercise: str, cell_seconds: int) -> Result:
    job = Job(
        student=student,
        exercise=exercise,
        seed=course.seed,
        original=str(course.released(exercise)),
        handed_in=str(course.submitted(student, exercise)),
        executed=str(course.executed(student, exercise)),
        cell_seconds=cell_seconds,
    )
    with tempfile.TemporaryDirectory() as folder:
        where, result = Path(folder, "job.json"), Path(folder, "result.json")
        write_job(job, where)
        line = [sys.executable, "-m", "kvmlab.grading.attempt", str(where), str(result)]
        LocalRunner().run(line, timeout_s=job.seconds + job.check_seconds + _SPARE_S)
        return Result.read(result)


def results(course: Course) -> Iterator[Result]:
    """Yield all results of a course, by exercise and student."""
    for exercise in course.exercises():
        for student in course.students():
            path = course.result(student, exercise)
            if path.is_file():
                yield Result.read(path)


def write_grades(course: Course) -> None:
    """Write the table of all grades of a course."""
    with course.grades.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        for one in results(course):
            rows.writerow(row_of(one).values())


def row_of(one: Result) -> dict[str, object]:
    """Return a result as a row of the table."""
    return {
        "student": one.student,
        "exercise": one.exercise,
        "points": "" if one.points is None else one.points,
        "possible": one.possible,
        "status": one.status.value,
        "reason": one.reason,
        "remarks": "; ".join(one.remarks),
        "hints": one.hints,
        "checks_not_made": one.unclear,
    }
