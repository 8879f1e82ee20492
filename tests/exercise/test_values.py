"""Values follow from student id, course seed and exercise, and from nothing else."""

import subprocess
import sys

import pytest

from kvmlab.exercise.catalogue import NAMES, find
from kvmlab.exercise.values import Values


@pytest.mark.parametrize("name", NAMES)
def test_the_same_student_gets_the_same_values_in_another_process(name: str) -> None:
    program = f"from kvmlab.exercise.catalogue import find; print(dict(find({name!r}).values('kim', '1')))"

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert said.strip() == str(dict(find(name).values("kim", "1")))


@pytest.mark.parametrize("name", NAMES)
def test_students_of_a_class_get_different_values(name: str) -> None:
    found = {str(dict(find(name).values(f"student-{number}", "1"))) for number in range(20)}

    assert len(found) >= 18


@pytest.mark.parametrize("name", NAMES)
def test_another_course_has_other_values(name: str) -> None:
    found = {str(dict(find(name).values("kim", seed))) for seed in ("2025", "2026", "2027")}

    assert len(found) == 3


def test_what_is_to_be_found_out_is_not_shown() -> None:
    values = Values({"network": "blue", "_fault": "dns-wrong"})

    assert values["_fault"] == "dns-wrong"
    assert "fault" not in repr(values)
    assert "dns-wrong" not in values._repr_html_()


def test_an_unknown_value_is_named_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match="no value 'color'; it has network"):
        Values({"network": "blue"}).color  # noqa: B018


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("repair")])
def test_every_fault_of_an_exercise_is_drawn_for_somebody(name: str) -> None:
    from importlib import import_module

    faults = import_module(f"kvmlab.exercise.catalogue.{name.replace('-', '_')}").FAULTS

    drawn = {find(name).values(f"s{number}", "1")["_fault"] for number in range(60)}

    assert drawn == set(faults)
