"""What runs in the sandbox: prepares the exercise's lab, then runs the student's notebook.

``python -m kvmlab.grading.inside FOLDER`` says ``prepared`` when the lab is as
the student finds it, waits for a line, runs the notebook, says how it ended,
and stays until its standard input is closed: the lab is looked at meanwhile,
from outside. After the first line nothing that it says is believed.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from kvmlab import assignment
from kvmlab._run import LocalRunner
from kvmlab.exercise import begin_exercise
from kvmlab.exercise.session import GRADING

#: Files in the folder: what to do, the notebook, and the notebook as it was run.
JOB, NOTEBOOK, EXECUTED = "job.json", "notebook.ipynb", "executed.ipynb"
#: Most memory that one process of the student's may ask for, and the largest file that it may write.
_ADDRESS_BYTES, _FILE_BYTES = 4 << 30, 256 << 20


def main(folder: Path) -> None:
    """Prepare, run, and wait."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    LocalRunner().run(["ip", "link", "set", "dev", "lo", "up"])  # the kernel of the notebook talks over it
    begin_exercise(job["exercise"], student=job["student"], seed=job["seed"])
    print("prepared", flush=True)  # noqa: T201
    if not sys.stdin.readline():
        return
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_BYTES, _ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    ended = _run(folder, job["cell_seconds"])
    print(json.dumps({"ended": ended}), flush=True)  # noqa: T201
    sys.stdin.read()


def _run(folder: Path, cell_seconds: int) -> str:
    """Run the notebook; say what ended it early, and nothing if it was run to its end."""
    nb = assignment.read_notebook(folder / NOTEBOOK)
    home = folder / "work"
    home.mkdir()
    os.environ[GRADING] = "1"
    begun: list[str] = []
    client = NotebookClient(
        nb,
        timeout=cell_seconds,
        kernel_name="python3",
        allow_errors=True,
        on_cell_start=lambda cell, cell_index: begun.append(_name(cell)),
        resources={"metadata": {"path": str(home)}},
    )
    ended = ""
    try:
        client.execute()
    except CellTimeoutError:
        ended = f"{begun[-1]} ran longer than {cell_seconds} s"
    except DeadKernelError:
        ended = f"its kernel died in {begun[-1]}"
    assignment.write_notebook(nb, folder / EXECUTED)
    return ended


def _name(cell: Any) -> str:
    """Say which cell it is."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    return f"cell {name!r}" if name else "a cell"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
