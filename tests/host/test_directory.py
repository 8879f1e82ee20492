"""The directory of a lab belongs to who holds its lock, and what the dead left is removed."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmlab.errors import HostError, LabError
from kvmlab.host import directory

HOLDER = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """The directory of a lab whose lock another process holds."""
    lab_dir = tmp_path / "labs/held"
    lab_dir.mkdir(parents=True)
    line = [sys.executable, "-c", HOLDER, str(lab_dir / "lock")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield lab_dir
        holder.kill()


def dead(labs: Path, name: str) -> Path:
    lab_dir = labs / name
    (lab_dir / "run").mkdir(parents=True)
    (lab_dir / "lock").write_text("")
    (lab_dir / "run/file").write_text("left")
    return lab_dir


def make(lab_dir: Path) -> None:
    with directory.made(lab_dir, end_bound_s=1):
        pass


def test_it_is_alive_as_long_as_its_lock_is_held(tmp_path: Path) -> None:
    with directory.made(tmp_path / "labs/new", end_bound_s=1):
        assert directory.is_alive(tmp_path / "labs/new")

    assert not directory.is_alive(tmp_path / "labs/new")


def test_only_its_owner_can_enter_it(tmp_path: Path) -> None:
    with directory.made(tmp_path / "state/labs/new", end_bound_s=1):
        modes = [(tmp_path / path).stat().st_mode & 0o777 for path in ("state/labs", "state/labs/new")]

    assert modes == [0o700, 0o700]


def test_it_is_removed_when_the_block_fails(tmp_path: Path) -> None:
    def make_half() -> None:
        with directory.made(tmp_path / "labs/new", end_bound_s=1):
            (tmp_path / "labs/new/file").write_text("half-made")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_half()

    assert [path.name for path in (tmp_path / "labs").iterdir()] == [".lock"]


def test_that_of_a_living_lab_is_not_taken(held: Path) -> None:
    (held / "file").write_text("precious")

    with (
        pytest.raises(LabError, match="a lab named 'held' runs already"),
        directory.made(held, end_bound_s=1),
    ):
        pytest.fail("it was taken")

    assert (held / "file").read_text() == "precious"


def test_that_of_a_dead_lab_is_taken_over_empty(tmp_path: Path) -> None:
    left = dead(tmp_path / "labs", "old")

    with directory.made(left, end_bound_s=1):
        assert [path.name for path in left.iterdir()] == ["lock"]


def test_those_of_dead_labs_are_removed_and_those_of_living_ones_stay(held: Path) -> None:
    dead(held.parent, "old")
    (held.parent / ".ended-interrupted-1-2").mkdir()

    directory.discard_all_dead(held.parent)

    assert sorted(path.name for path in held.parent.iterdir()) == [".lock", "held"]


def test_a_living_lab_is_not_discarded(held: Path) -> None:
    directory.discard_if_dead(held)

    assert held.is_dir()


def test_discarding_waits_for_the_last_process_but_not_for_ever(held: Path) -> None:
    directory.discard(held, bound_s=0.05)

    assert held.is_dir()


def test_what_another_already_removed_is_no_error(tmp_path: Path) -> None:
    dead(tmp_path, "old").joinpath("lock").unlink()

    directory.discard_all_dead(tmp_path)
    directory.discard_if_dead(tmp_path / "old")
    directory.discard_all_dead(tmp_path / "nowhere")

    assert not (tmp_path / "old").exists()


def test_a_full_or_forbidden_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "labs").write_text("a file")

    with pytest.raises(HostError, match="cannot make the directory of lab 'new'") as caught:
        make(tmp_path / "labs/new")

    assert "KVMLAB_STATE_DIR" in caught.value.hint


def test_its_lock_is_not_inherited_by_chance(tmp_path: Path) -> None:
    with directory.made(tmp_path / "labs/new", end_bound_s=1) as lock:
        assert not os.get_inheritable(lock)
        with pytest.raises(BlockingIOError), (tmp_path / "labs/new/lock").open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
