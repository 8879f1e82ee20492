"""What students get: no solutions, no outputs, the course's seed."""

import pytest

from kvmlab import assignment
from kvmlab.errors import ExerciseError

SOLUTION = "before = 1\n### BEGIN SOLUTION\nsecret = 42\n### END SOLUTION\nafter = 2"


def source() -> object:
    cells = [
        assignment.locked_cell("begin", 'ex = begin("nat", seed="kvmlab")'),
        assignment.solution_cell("one", SOLUTION),
        assignment.graded_cell("one-test", "check()", points=2),
    ]
    nb = assignment.notebook(cells, kvmlab={"exercise": "nat"})
    nb.cells[1].outputs = [{"output_type": "stream", "name": "stdout", "text": "secret"}]
    nb.cells[1].execution_count = 3
    return nb


def test_a_solution_gives_way_to_the_stub_and_what_is_around_it_stays() -> None:
    released = assignment.released(source())

    assert released.cells[1].source == (
        "before = 1\n# YOUR CODE HERE\nraise NotImplementedError()\nafter = 2"
    )


def test_outputs_are_not_given_away() -> None:
    released = assignment.released(source())

    assert released.cells[1].outputs == []
    assert released.cells[1].execution_count is None


def test_the_source_itself_is_left_alone() -> None:
    nb = source()

    assignment.released(nb)

    assert "secret" in nb.cells[1].source  # type: ignore[attr-defined]


def test_the_seed_of_the_course_is_put_in() -> None:
    released = assignment.released(source(), seed=r"2026\1")

    assert released.cells[0].source == r'ex = begin("nat", seed="2026\1")'


@pytest.mark.parametrize("code", ["### BEGIN SOLUTION\nsecret = 1", "secret = 1\n### END SOLUTION"])
def test_a_solution_without_both_ends_is_refused(code: str) -> None:
    nb = assignment.notebook([assignment.solution_cell("one", code)])

    with pytest.raises(ExerciseError, match="solution without an end"):
        assignment.released(nb)


def test_cells_have_the_metadata_that_nbgrader_reads() -> None:
    nb = source()

    assert nb.cells[2].metadata.nbgrader == {  # type: ignore[attr-defined]
        "grade": True,
        "grade_id": "one-test",
        "locked": True,
        "points": 2,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
