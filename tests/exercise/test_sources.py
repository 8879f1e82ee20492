"""Each exercise has its notebook, its proofs, and a notebook to work through before; they cover all."""

import copy
from pathlib import Path

import pytest

from kvmlab import assignment
from kvmlab.exercise.catalogue import NAMES, find, list_exercises
from kvmlab.exercise.notebook import notebook_of
from tests.exercise.proving import SOURCES, proofs_of, source_of

ROOT = Path(__file__).parent.parent.parent
SUBJECTS = {
    *("nat", "bridged", "isolated", "host-only", "private", "direct", "routed", "open", "user mode", "vlan"),
    *("rtl8139", "virtio", "measurement", "faults"),
}


def test_every_folder_is_an_exercise_and_every_exercise_has_one() -> None:
    folders = {path.name for path in SOURCES.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_the_one_that_its_module_describes(name: str) -> None:
    notebook = assignment.read_notebook(source_of(name))
    solutions = assignment.solutions(notebook)

    wanted = notebook_of(find(name), solutions)

    assert [(cell.id, cell.source, cell.metadata) for cell in notebook.cells] == [
        (cell.id, cell.source, cell.metadata) for cell in wanted.cells
    ], f"kvmlab course write {name}"
    assert notebook.metadata.kvmlab == wanted.metadata.kvmlab


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_a_solution_that_is_not_released(name: str) -> None:
    notebook = assignment.read_notebook(source_of(name))

    released = assignment.released(copy.deepcopy(notebook))

    for task in find(name).tasks:
        assert "### BEGIN SOLUTION\n### END" not in assignment.solutions(notebook)[task.name]
        assert assignment.solutions(released)[task.name] == ("# YOUR CODE HERE\nraise NotImplementedError()")


@pytest.mark.parametrize("name", NAMES)
def test_it_tells_what_a_learner_needs_to_know(name: str) -> None:
    exercise = find(name)

    assert exercise.name == name
    assert exercise.goal.endswith(".")
    assert len(exercise.learns) >= 2
    assert 5 <= exercise.minutes <= 60
    assert (ROOT / "notebooks" / f"{exercise.notebook}.ipynb").is_file()
    assert all(task.points > 0 and task.hints for task in exercise.tasks)
    assert len({task.name for task in exercise.tasks}) == len(exercise.tasks)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_its_proofs(name: str) -> None:
    proofs = proofs_of(name)

    assert {"other_way", "shortcut", "break_further", "SHORTCUT", "SHORTCUT_EARNS"} <= set(dir(proofs))
    assert 0 <= proofs.SHORTCUT_EARNS < find(name).points


def test_together_they_cover_every_mode_both_card_families_measurement_and_faults() -> None:
    assert SUBJECTS - {subject for name in NAMES for subject in find(name).subjects} == set()


def test_they_are_listed_in_the_order_of_the_course() -> None:
    assert tuple(row.name for row in list_exercises()) == NAMES
