"""What is run of what came back: the student's own cells, and the originals of all others."""

import copy
from typing import Any

import pytest

from kvmlab import assignment
from kvmlab.errors import ExerciseError


@pytest.fixture
def original() -> Any:
    return assignment.notebook(
        [
            assignment.text_cell("about", "# Exercise"),
            assignment.solution_cell("student", 'STUDENT = ""  # your id'),
            assignment.locked_cell("begin", "ex = begin(STUDENT)"),
            assignment.solution_cell("one", "raise NotImplementedError()"),
            assignment.graded_cell("one-test", 'ex.require("one")', points=2),
        ]
    )


@pytest.fixture
def handed_in(original: Any) -> Any:
    nb = copy.deepcopy(original)
    nb.cells[3].source = "mine = 1"
    return nb


def run(original: Any, handed_in: Any) -> assignment.Submission:
    return assignment.submission(original, handed_in, student="kim")


def sources(found: assignment.Submission) -> list[str]:
    return [cell.source for cell in found.notebook.cells]


def test_the_students_cells_are_run_after_the_original_start(original: Any, handed_in: Any) -> None:
    found = run(original, handed_in)

    assert sources(found) == ["STUDENT = 'kim'", "ex = begin(STUDENT)", "mine = 1"]
    assert found.remarks == ()


def test_a_changed_locked_cell_does_not_count_and_is_told(original: Any, handed_in: Any) -> None:
    handed_in.cells[2].source = "ex = None"

    found = run(original, handed_in)

    assert "ex = begin(STUDENT)" in sources(found)
    assert "ex = None" not in sources(found)
    assert found.remarks == ("locked cell 'begin' was changed: the original counts",)


@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_a_graded_cell_is_never_run(original: Any, handed_in: Any, change: str) -> None:
    if change == "deleted":
        del handed_in.cells[4]
    else:
        handed_in.cells[4].source = "pass"

    found = run(original, handed_in)

    assert sources(found)[-1] == "mine = 1"
    assert len(found.remarks) == 1
    assert "one-test" in found.remarks[0]


def test_cells_that_a_student_added_are_run_in_their_place(original: Any, handed_in: Any) -> None:
    helper = assignment.solution_cell("new", "helper = 1")
    helper.metadata.pop("nbgrader")
    handed_in.cells.insert(3, helper)

    found = run(original, handed_in)

    assert sources(found)[-2:] == ["helper = 1", "mine = 1"]


def test_another_students_name_is_told_and_not_used(original: Any, handed_in: Any) -> None:
    handed_in.cells[1].source = 'STUDENT = "lee"  # me'

    found = run(original, handed_in)

    assert sources(found)[0] == "STUDENT = 'kim'"
    assert found.remarks == ("the notebook names student 'lee': graded with the values of 'kim'",)


def test_a_kernel_of_another_language_is_refused(original: Any, handed_in: Any) -> None:
    handed_in.metadata.kernelspec = {"name": "ir", "display_name": "R", "language": "R"}
    handed_in.metadata.language_info = {"name": "R"}

    with pytest.raises(ExerciseError, match="its kernel is for R, not for Python"):
        run(original, handed_in)


def test_another_notebook_is_refused(original: Any) -> None:
    other = assignment.notebook([assignment.solution_cell("else", "x = 1")])

    with pytest.raises(ExerciseError, match="none of the exercise's cells"):
        run(original, other)
