"""What students hand in is found, whatever they called it."""

from pathlib import Path
from typing import Any

import pytest

from kvmlab import assignment
from kvmlab.errors import ExerciseError
from kvmlab.grading import Course, collect, grade, release, write_feedback


@pytest.fixture
def course(tmp_path: Path) -> Course:
    found = Course(tmp_path / "course", "2026")
    release(found, ["nat", "private"])
    return found


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def hand_in(course: Course, path: Path, exercise: str = "nat", **changes: Any) -> None:
    nb = assignment.read_notebook(course.released(exercise))
    nb.metadata.update(changes)
    assignment.write_notebook(nb, path)


def rows(course: Course, inbox: Path) -> dict[tuple[str, str], tuple[str, str]]:
    return {(row.student, row.exercise): (row.state, row.remark) for row in collect(course, inbox)}


def test_a_notebook_is_found_anywhere_in_a_students_folder(course: Course, inbox: Path) -> None:
    hand_in(course, inbox / "kim/week 1/nat.ipynb")

    found = rows(course, inbox)

    assert found["kim", "nat"] == ("collected", "")
    assert found["kim", "private"] == ("missing", "there is no private.ipynb")
    assert course.submitted("kim", "nat").is_file()


def test_a_renamed_notebook_is_known_by_what_it_says(course: Course, inbox: Path) -> None:
    hand_in(course, inbox / "kim/nat (copy).ipynb")

    assert rows(course, inbox)["kim", "nat"] == ("collected", "it is called nat (copy).ipynb")


def test_another_notebook_under_the_right_name_is_told(course: Course, inbox: Path) -> None:
    hand_in(course, inbox / "kim/nat.ipynb", kvmlab={"exercise": "private"})

    assert rows(course, inbox)["kim", "nat"] == ("collected", "it says that it is exercise 'private'")


def test_a_notebook_that_cannot_be_read_is_told(course: Course, inbox: Path) -> None:
    (inbox / "kim").mkdir(parents=True)
    (inbox / "kim/nat.ipynb").write_text("once upon a time")

    assert rows(course, inbox)["kim", "nat"] == ("unreadable", "")


def test_the_note_on_hints_comes_with_the_notebook(course: Course, inbox: Path) -> None:
    hand_in(course, inbox / "kim/nat.ipynb")
    (inbox / "kim/hints.json").write_text('{"nat": {"network": 2}}')

    collect(course, inbox)

    assert (course.submitted("kim", "nat").parent / "hints.json").is_file()


def test_a_later_collection_replaces_the_earlier(course: Course, inbox: Path) -> None:
    hand_in(course, inbox / "kim/nat.ipynb")
    (inbox / "kim/hints.json").write_text("{}")
    collect(course, inbox)
    (inbox / "kim/hints.json").unlink()

    collect(course, inbox)

    assert [path.name for path in course.submitted("kim", "nat").parent.iterdir()] == ["nat.ipynb"]


def test_who_handed_in_nothing_has_a_row_of_the_table(course: Course, inbox: Path) -> None:
    (inbox / "kim").mkdir(parents=True)
    collect(course, inbox)

    assert course.students() == ["kim"]


@pytest.mark.parametrize("name", ["-rf", "a b", "x" * 65])
def test_a_folder_that_is_no_students_is_refused(course: Course, inbox: Path, name: str) -> None:
    (inbox / name).mkdir(parents=True)

    with pytest.raises(ExerciseError, match="is no id of a student"):
        collect(course, inbox)


def test_an_empty_inbox_is_told(course: Course, inbox: Path) -> None:
    with pytest.raises(ExerciseError, match="has no folders of students"):
        collect(course, inbox)


def test_released_notebooks_have_the_seed_and_no_solutions(course: Course) -> None:
    text = course.released("nat").read_text()

    assert 'seed=\\"2026\\"' in text
    assert "SOLUTION" not in text


@pytest.mark.parametrize("seed", ["", 'a"b', "a\\b"])
def test_a_seed_that_cannot_be_one_is_refused_before_anything_is_written(tmp_path: Path, seed: str) -> None:
    with pytest.raises(ExerciseError, match="the seed is empty, or has"):
        release(Course(tmp_path / "course", seed))

    assert not (tmp_path / "course").exists()


def test_an_unknown_exercise_is_not_released(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="no exercise 'nut'"):
        release(Course(tmp_path / "course"), ["nat", "nut"])

    assert not (tmp_path / "course").exists()


def test_a_folder_without_a_course_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="holds no course") as raised:
        Course.open(tmp_path)

    assert "kvmlab course release" in raised.value.hint


def test_without_results_there_is_no_feedback(course: Course) -> None:
    with pytest.raises(ExerciseError, match="nothing was graded yet"):
        write_feedback(course)


def test_who_is_not_in_the_course_is_not_graded(course: Course, inbox: Path) -> None:
    hand_in(course, inbox / "kim/nat.ipynb")
    collect(course, inbox)

    with pytest.raises(Exception, match=r"the course has no student 'lee'|not run by root"):
        grade(course, students=["lee"])
