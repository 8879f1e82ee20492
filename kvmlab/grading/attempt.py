"""Grade one submission: run it in a sandbox, then look at its lab from outside.

It is a process of its own for each submission (``python -m
kvmlab.grading.attempt JOB RESULT``): what it looks at decides where labs are,
and whoever started it can end it.
"""

import contextlib
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kvmlab import assignment
from kvmlab.check.result import CheckResult, Outcome
from kvmlab.errors import ExerciseError, KvmlabError
from kvmlab.exercise import Exercise, Work, hints, lab_name, record, score
from kvmlab.exercise.catalogue import find
from kvmlab.exercise.score import TaskScore
from kvmlab.grading import inside
from kvmlab.grading.result import Result, Status
from kvmlab.grading.seal import Seal
from kvmlab.lab import Lab
from kvmlab.sandbox import Limits, Sandbox
from kvmlab.sandbox.census import Census
from kvmlab.virt.accelerator import VARIABLE, accelerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is graded, and within which bounds.

    Attributes
    ----------
    student, exercise, seed
        Whose, which, and the seed of the course.
    original, handed_in
        Paths of the released notebook and of the one that came back.
    executed
        Where the notebook goes as it was run.
    seconds, cell_seconds, check_seconds
        How long the notebook, one cell of it, and all checks may take.
    memory_mib, processes
        What the sandbox may use.
    """

    student: str
    exercise: str
    seed: str
    original: str
    handed_in: str
    executed: str
    seconds: int = 300
    cell_seconds: int = 120
    check_seconds: int = 150
    memory_mib: int = 4096
    processes: int = 600


def attempt(job: Job) -> Result:
    """Grade a submission."""
    exercise = find(job.exercise)
    used = hints.read(Path(job.handed_in).parent).get(job.exercise, {})
    known: dict[str, Any] = {
        "student": job.student,
        "exercise": job.exercise,
        "possible": exercise.points,
        "hints": sum(used.values()),
    }
    try:
        handed_in = assignment.read_notebook(Path(job.handed_in))
        original = assignment.read_notebook(Path(job.original))
        found = assignment.submission(original, handed_in, student=job.student)
    except ExerciseError as error:
        reason = str(error).replace(job.handed_in, f"{job.exercise}.ipynb")
        return Result(**known, status=Status.REFUSED, reason=reason)
    known["remarks"] = found.remarks
    try:
        return _run(job, exercise, found.notebook, known)
    except (KvmlabError, OSError, TimeoutError, ResourceWarning) as error:
        return Result(**known, status=Status.NOT_GRADED, reason=str(error))


def _run(job: Job, exercise: Exercise, notebook: Any, known: dict[str, Any]) -> Result:
    limits = Limits(seconds=job.seconds, memory_mib=job.memory_mib, processes=job.processes)
    runs_on = accelerator().name
    with Sandbox(limits) as box:
        _fill(box.folder, job, notebook)
        box.start([sys.executable, "-m", "kvmlab.grading.inside", str(box.folder)], {VARIABLE: runs_on})
        if box.listen() != "prepared":
            raise KvmlabError(f"the lab could not be prepared: {box.log_tail()}")
        os.environ["KVMLAB_STATE_DIR"] = str(box.state_dir)
        lab = Lab.attach(lab_name(exercise.name))
        seal = Seal.of(lab)
        census = Census.take(box.outermost, spared=[seal.init[0]])
        box.tell("run")
        reason = _wait(box)
        if not census.end_others():
            return Result(**known, status=Status.STOPPED, reason=reason or "its processes could not be ended")
        _keep_executed(box.folder / inside.EXECUTED, Path(job.executed))
        if broken := seal.broken(lab.name):
            return Result(**known, status=Status.TAMPERED, reason=broken)
        tasks = _looked_at(job, exercise, lab)
        if broken := seal.broken(lab.name):
            return Result(**known, status=Status.TAMPERED, reason=broken)
        status = Status.STOPPED if reason else Status.GRADED
        return Result(**known, status=status, reason=reason, tasks=tasks)


def _fill(folder: Path, job: Job, notebook: Any) -> None:
    told = {name: getattr(job, name) for name in ("exercise", "student", "seed", "cell_seconds")}
    (folder / inside.JOB).write_text(json.dumps(told), encoding="utf-8")
    assignment.write_notebook(notebook, folder / inside.NOTEBOOK)


def _wait(box: Sandbox) -> str:
    """Wait for the notebook's end; say what ended it early."""
    try:
        line = box.listen()
    except (TimeoutError, ResourceWarning) as error:
        return str(error)
    if line is None:
        return "it ended the processes of its own sandbox"
    try:
        return str(json.loads(line)["ended"])[:500]
    except (ValueError, KeyError, TypeError):
        return ""  # it wrote something of its own; what it built counts


def _keep_executed(source: Path, target: Path) -> None:
    """Copy the notebook as it was run, unless it is not a plain file of reasonable size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with contextlib.suppress(ExerciseError):
        if source.is_file() and not source.is_symlink():
            assignment.write_notebook(assignment.read_notebook(source), target)


def _looked_at(job: Job, exercise: Exercise, lab: Lab) -> tuple[TaskScore, ...]:
    """Make the checks, those of a task that is not right a second time: a busy machine loses packets.

    What takes too long could not be made.
    """
    done: dict[str, TaskScore] = {}

    def look() -> None:
        for task in exercise.tasks:
            for _turn in range(2):
                work = Work(lab, exercise.values(job.student, job.seed), record.read_answers(lab.path))
                (done[task.name],) = score(exercise, work, (task,)).tasks
                if done[task.name].passed:
                    break

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(job.check_seconds)
    late = CheckResult("all of it", Outcome.ERROR, "an answer", f"none in {job.check_seconds} s", "")
    return tuple(
        done.get(task.name) or TaskScore(task.name, 0, task.points, (late,)) for task in exercise.tasks
    )


def main(job_path: Path, result_path: Path) -> None:
    """Grade one submission and write down what came of it."""
    found = attempt(Job(**json.loads(job_path.read_text(encoding="utf-8"))))
    found.write(result_path)
    sys.stdout.flush()
    os._exit(0)  # a check that still waits for a guest must not keep this process


def write_job(job: Job, path: Path) -> None:
    """Write down what is to be graded."""
    path.write_text(json.dumps(asdict(job)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
