"""Five proofs for each exercise, carried out: what must earn nothing, a part, and all."""

import pytest

from kvmlab.exercise.catalogue import NAMES, find, repair_guest, repair_host, repair_lan
from tests.exercise.proving import begun, checked, proofs_of, solve, student_with

pytestmark = pytest.mark.vm

FAULTS = {module.EXERCISE.name: module.FAULTS for module in (repair_guest, repair_host, repair_lan)}
#: Each exercise, and where something may be broken in several ways, each of these.
CASES = [(name, fault) for name in NAMES for fault in FAULTS.get(name, ("",))]


@pytest.mark.parametrize("name", NAMES)
def test_untouched_and_broken_further_it_earns_nothing(name: str) -> None:
    with begun(name) as ex:
        untouched = ex.check()
        proofs_of(name).break_further(ex)
        broken = ex.check()

    assert [(task.task, task.points) for task in untouched.tasks if task.points] == []
    assert [(task.task, task.points) for task in broken.tasks if task.points] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_shortcut_earns_nothing_or_a_part(name: str) -> None:
    proofs = proofs_of(name)
    with begun(name) as ex:
        proofs.shortcut(ex)
        found = checked(ex, points=proofs.SHORTCUT_EARNS)

    assert found.points == proofs.SHORTCUT_EARNS < found.possible, f"{proofs.SHORTCUT}\n{found}"


@pytest.mark.parametrize(("name", "fault"), CASES, ids=[f"{name}: {fault}" for name, fault in CASES])
def test_the_reference_solution_earns_all(name: str, fault: str) -> None:
    with begun(name, student_with(name, fault) if fault else "kim") as ex:
        solve(ex)
        found = checked(ex, points=find(name).points)

    assert found.points == found.possible, repr(found)


@pytest.mark.parametrize("name", NAMES)
def test_another_legitimate_way_earns_all(name: str) -> None:
    with begun(name) as ex:
        proofs_of(name).other_way(ex)
        found = checked(ex, points=find(name).points)

    assert found.points == found.possible, repr(found)
