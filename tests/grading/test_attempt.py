"""A guest that never answers ends in checks that could not be made: in no points, and in no hang."""

from pathlib import Path

import pytest

from kvmlab import assignment
from kvmlab.grading import Course, Status, collect, grade, release
from tests.exercise.proving import source_of

pytestmark = [
    pytest.mark.vm,
    pytest.mark.user,
]

#: Gives the guest an address, and then stops its CPUs for good.
SILENT = """
guest = lab.domain(values.one)
lab.host.run(["virsh", "qemu-monitor-command", "--hmp", values.one, "stop"])
"""


def test_a_guest_that_never_answers_earns_nothing_and_is_told(tmp_path: Path) -> None:
    course = Course(tmp_path / "course", "silent")
    release(course, ["private"])
    solutions = assignment.solutions(assignment.read_notebook(source_of("private")))
    nb = assignment.read_notebook(course.released("private"))
    cells = {**solutions, "apart": SILENT}
    for cell in nb.cells:
        cell.source = cells.get(cell.id, cell.source)
    assignment.write_notebook(nb, tmp_path / "inbox/kim/private.ipynb")
    collect(course, tmp_path / "inbox")

    (found,) = grade(course)

    assert found.status is Status.GRADED
    assert [task.points for task in found.tasks] == [1, 0, 0]
