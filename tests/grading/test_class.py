"""A class is graded from the command line: right, partial, wrong, and malicious work, row by row."""

import csv
import os
import subprocess
from pathlib import Path

import pytest

from kvmlab import _paths
from tests.cli.conftest import run_kvmlab
from tests.grading.classroom import CLASS, EXERCISE, Pupil, hand_in

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(os.geteuid() == 0, reason="submissions are not run by root"),
]

#: Seconds that grading of the class may take before it is given up; no mark of speed.
BOUND_S = 1500


def graded(folder: Path, pupils: dict[str, Pupil]) -> dict[str, dict[str, str]]:
    """The rows of the table of grades, by student, after all commands."""
    course, inbox = str(folder / "course"), folder / "inbox"
    assert run_kvmlab("course", "release", course, "-e", EXERCISE, "--seed", "test").returncode == 0
    hand_in(pupils, folder / f"course/release/{EXERCISE}/{EXERCISE}.ipynb", inbox)
    assert run_kvmlab("course", "collect", course, str(inbox)).returncode == 0

    done = run_kvmlab("course", "grade", course, "--cell-seconds", "30", timeout_s=BOUND_S)

    assert done.returncode == 0, done.stdout + done.stderr
    with (folder / "course/grades.csv").open(newline="") as stream:
        return {row["student"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("class")


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, dict[str, str]]:
    return graded(folder, CLASS)


@pytest.mark.parametrize("name", CLASS)
def test_each_gets_what_the_work_earns_and_is_told_why(rows: dict[str, dict[str, str]], name: str) -> None:
    pupil, row = CLASS[name], rows[name]

    assert (row["points"], row["status"]) == (str(pupil.points), pupil.status), row
    assert pupil.reason in row["reason"]
    assert pupil.remark in row["remarks"]
    assert row["possible"] == "6"


def test_the_table_has_a_row_for_each_and_no_other(rows: dict[str, dict[str, str]]) -> None:
    assert list(rows) == sorted(CLASS)


def test_nothing_of_the_sandboxes_is_left(rows: dict[str, dict[str, str]]) -> None:
    assert rows
    boxes = _paths.state_dir() / "boxes"
    said = subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True, check=True).stdout

    assert list(boxes.glob("[!.]*")) == []
    assert [line for line in said.splitlines() if str(boxes) in line] == []


def test_graded_again_the_grades_are_the_same(rows: dict[str, dict[str, str]], folder: Path) -> None:
    names = ("dan", "jim", "tom")
    options = [option for name in names for option in ("--student", name)]

    course = str(folder / "course")
    run_kvmlab("course", "grade", course, "--cell-seconds", "30", *options, timeout_s=BOUND_S)

    with (folder / "course/grades.csv").open(newline="") as stream:
        again = {row["student"]: row for row in csv.DictReader(stream)}
    columns = ("points", "status", "remarks")
    assert {n: [again[n][c] for c in columns] for n in rows} == {
        n: [rows[n][c] for c in columns] for n in rows
    }


def test_each_student_gets_a_page_on_which_nothing_of_theirs_is_run(
    rows: dict[str, dict[str, str]], folder: Path
) -> None:
    assert rows

    done = run_kvmlab("course", "feedback", str(folder / "course"))

    pages = {path.stem: path.read_text() for path in (folder / "course/feedback").glob("*.html")}
    assert done.returncode == 0
    assert set(pages) == set(rows)
    assert "6 of 6 points" in pages["ann"]
    assert "cell &#x27;guests&#x27; ran longer than 30 s" in pages["pip"]
    assert "<script" not in "".join(pages.values())
