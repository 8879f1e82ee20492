"""An exercise as a learner meets it, and what goes wrong on the way: a clear message, no wrong points."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import ExerciseError
from kvmlab.exercise import Exercise, Session, hints, record
from kvmlab.exercise.button import CheckButton
from kvmlab.exercise.catalogue import find
from kvmlab.exercise.session import GRADING

pytestmark = pytest.mark.host


@pytest.fixture
def ex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    session = kl.begin_exercise("nat", student="kim", fresh=True)
    yield session
    if any(info.name == "ex-nat" for info in kl.list_labs()):
        kl.Lab.attach("ex-nat").stop()


def test_an_unknown_exercise_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ExerciseError, match="no exercise 'nut'") as raised:
        kl.begin_exercise("nut")

    assert "host-only" in raised.value.hint


def test_a_second_begin_goes_on_with_the_same_lab(ex: Session) -> None:
    ex.lab.define(kl.NetworkSpec(name="mine"))
    ex.answer(ratio=3)

    again = kl.begin_exercise("nat", student="kim")

    assert [network.name for network in again.lab.networks()] == ["mine"]
    assert again.answers == {"ratio": "3"}


def test_a_fresh_begin_ends_the_lab_that_is_there(ex: Session) -> None:
    ex.lab.define(kl.NetworkSpec(name="mine"))

    again = kl.begin_exercise("nat", student="kim", fresh=True)

    assert again.lab.networks() == []


@pytest.mark.parametrize("other", [{"student": "lee"}, {"student": "kim", "seed": "2031"}])
def test_the_lab_of_another_learner_or_course_is_not_taken(ex: Session, other: dict[str, str]) -> None:
    with pytest.raises(ExerciseError, match="lab 'ex-nat' is that of student 'kim'") as raised:
        kl.begin_exercise("nat", **other)

    assert "fresh=True" in raised.value.hint


def test_a_lab_that_was_not_prepared_is_not_taken(ex: Session) -> None:
    ex.finish()
    with kl.Lab.start("ex-nat", progress=Silent()):
        with pytest.raises(ExerciseError, match="was not prepared for this exercise"):
            kl.begin_exercise("nat", student="kim")
        with pytest.raises(ExerciseError, match="was started anew, and not by this exercise"):
            ex.check()


def test_without_its_lab_nothing_is_checked_and_other_labs_are_named(ex: Session) -> None:
    ex.finish()
    with (
        kl.Lab.start("mine", progress=Silent()),
        pytest.raises(ExerciseError, match="does not run; what is in mine is not looked at") as raised,
    ):
        ex.check()

    assert "begin_exercise" in raised.value.hint
    with pytest.raises(ExerciseError, match="does not run"):
        ex.answer(cause="x")
    with pytest.raises(ExerciseError, match="does not run"):
        ex.finish()


def test_two_exercises_at_once_have_labs_of_their_own(ex: Session) -> None:
    other = kl.begin_exercise("private", student="kim", fresh=True)

    other.lab.define(kl.NetworkSpec(name=other.values.network)).start()

    assert other.check("network").passed
    assert ex.lab.networks() == []
    other.finish()
    assert ex.check().points == 0


def test_a_preparation_that_fails_leaves_no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_lab: kl.Lab, _values: object) -> None:
        raise kl.KvmlabError("the image is gone")

    broken = Exercise(**{**{n: getattr(find("private"), n) for n in Exercise.__slots__}, "prepare": fail})
    monkeypatch.setattr("kvmlab.exercise.catalogue.find", lambda _name: broken)

    with pytest.raises(kl.KvmlabError, match="the image is gone"):
        kl.begin_exercise("private", student="kim")

    assert "ex-private" not in [info.name for info in kl.list_labs()]


def test_a_task_that_is_not_done_raises_what_is_wrong(ex: Session) -> None:
    with pytest.raises(
        ExerciseError, match=r"task 'network' is not done yet:\n  network .* is active: failed"
    ):
        ex.require("network")


def test_an_unknown_task_is_named(ex: Session) -> None:
    for ask in (ex.check, ex.hint, ex.require):
        with pytest.raises(ExerciseError, match="no task 'x'") as raised:
            ask("x")
        assert raised.value.hint == "it has network, guests, internet"


def test_hints_come_one_after_the_other_and_are_noted(ex: Session, tmp_path: Path) -> None:
    first, second, third = (ex.hint("network") for _turn in range(3))

    assert first.text != second.text == third.text
    assert repr(first).startswith("Hint 1 of 2: ")
    assert hints.read(tmp_path) == {"nat": {"network": 2}}
    assert ex.check("network").possible == 2  # as before: hints cost nothing


def test_hints_are_shown_where_nothing_can_be_noted(ex: Session, tmp_path: Path) -> None:
    (tmp_path / hints.FILE).mkdir()

    assert ex.hint("guests").number == 1


def test_while_it_is_graded_finish_leaves_the_lab(ex: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GRADING, "1")

    ex.finish()

    assert ex.check().possible == 6


def test_answers_that_somebody_scribbled_over_are_no_answers(ex: Session) -> None:
    path = ex.lab.path / "answers.json"
    for text in ("{", "[1]", "3"):
        path.write_text(text)
        assert ex.answers == {}
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert record.read_answers(ex.lab.path) == {}
    path.unlink()
    os.mkfifo(path)
    assert ex.answers == {}


def test_the_button_shows_the_points_and_the_table(ex: Session) -> None:
    button = ex.check_button()
    assert isinstance(button, CheckButton)

    button.press().join(60)

    assert "✘ 0 of 6 points" in button.shown
    assert "there is no libvirt network" in button.shown
    assert "application/vnd.jupyter.widget-view+json" in button._repr_mimebundle_()


def test_the_button_shows_what_is_wrong_with_the_lab(ex: Session) -> None:
    button = ex.check_button()
    assert isinstance(button, CheckButton)
    ex.finish()

    button.press().join(60)

    assert "does not run" in button.shown
    assert "begin_exercise" in button.shown
