"""Which labs run, and in which state."""

import os
import signal

import pytest

import kvmlab as kl
from kvmlab.errors import LabError, SpecError
from kvmlab.host import client
from kvmlab.lab import lab_dir, labs_dir, stop_lab
from lab.conftest import start

pytestmark = pytest.mark.host


def names() -> list[str]:
    return [info.name for info in kl.list_labs()]


def test_labs_that_run_are_listed_by_name(world: kl.Lab, neighbour: kl.Lab) -> None:
    found = names()

    assert {"neighbour", "world"} <= set(found)
    assert found == sorted(found)


def test_a_row_tells_how_to_reach_a_lab_and_which_process_holds_it(world: kl.Lab) -> None:
    (row,) = [info for info in kl.list_labs() if info.name == "world"]

    assert (row.uri, row.state) == (world.uri, "running")
    assert row.pid == client.outer_pid(client.init_pid(world.path))


def test_what_a_dead_lab_left_is_removed() -> None:
    (lab_dir("dead") / "run").mkdir(parents=True)
    (lab_dir("dead") / "lock").write_text("")

    assert "dead" not in names()
    assert not lab_dir("dead").exists()


def test_without_a_state_directory_no_lab_runs(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMLAB_STATE_DIR", str(tmp_path_factory.mktemp("none") / "state"))

    assert names() == []
    assert not labs_dir().exists()


def test_a_lab_whose_pid_1_does_not_answer_is_degraded_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "ANSWER_BOUND_S", 0.2)
    start("hangs")
    os.kill(client.init_pid(lab_dir("hangs")), signal.SIGSTOP)

    (row,) = [info for info in kl.list_labs() if info.name == "hangs"]
    stop_lab("hangs")

    assert row.state == "degraded"
    assert not lab_dir("hangs").exists()


def test_stopping_what_does_not_run_is_refused() -> None:
    with pytest.raises(LabError, match="lab 'nobody' is not running"):
        stop_lab("nobody")
    with pytest.raises(SpecError, match="is not allowed"):
        stop_lab("../nobody")
