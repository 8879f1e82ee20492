"""Results on disk: written as they come, whole lines only, and never lost."""

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmlab.errors import SpecError
from kvmlab.experiment import Plan
from kvmlab.experiment.journal import Journal, plan_of, read

PLAN = Plan(factors={"mode": ["nat", "bridged"]}, repeats=2)


def record(index: int, *, padding: int = 0) -> dict[str, object]:
    return {"index": index, "values": {"tcp_mbit_s": 1.5}, "reason": "x" * padding}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    journal = Journal(path, PLAN)
    journal.write(record(0))
    journal.write(record(1))

    records, _ = read(path)  # before it is closed: a run may be killed
    journal.close()

    assert [found["index"] for found in records] == [0, 1]
    assert plan_of(path) == PLAN


def test_a_run_goes_on_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = Journal(path, PLAN)
    first.write(record(0))
    first.close()

    second = Journal(path, PLAN)
    second.write(record(1))
    second.close()

    assert [found["index"] for found in read(path)[0]] == [0, 1]
    assert len(path.read_text().splitlines()) == 3


def test_half_a_line_of_a_crash_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = Journal(path, PLAN)
    first.write(record(0))
    first.close()
    with path.open("a") as stream:
        stream.write('{"index": 1, "val')

    second = Journal(path, PLAN)
    assert [found["index"] for found in second.records] == [0]
    second.write(record(1))
    second.close()

    assert [found["index"] for found in read(path)[0]] == [0, 1]


def test_a_file_of_another_plan_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    Journal(path, PLAN).close()
    before = path.read_bytes()

    with pytest.raises(SpecError, match="another plan"):
        Journal(path, Plan(factors={"mode": ["nat"]}))

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["hello\n", "[1]\n", '{"plan": {}}\n', '{"kvmlab_experiment": 1, "plan": {"x": 1}}\n']
)
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)

    with pytest.raises(SpecError):
        Journal(path, PLAN)

    assert path.read_text() == text


def test_without_a_file_records_stay_in_memory() -> None:
    journal = Journal(None, PLAN)
    journal.write(record(0))
    journal.close()

    assert [found["index"] for found in journal.records] == [0]
    assert journal.trouble == ""


def test_a_full_disk_loses_nothing_that_was_measured() -> None:
    journal = Journal(Path("/dev/full"), PLAN)

    journal.write(record(0))
    journal.write(record(1))
    journal.close()

    assert [found["index"] for found in journal.records] == [0, 1]
    assert os.strerror(errno.ENOSPC) in journal.trouble


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, in a mount namespace that ends with the process that holds it."""
    script = 'mount -t tmpfs -o size=64k none "$1" && echo ready && exec cat'
    line = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield Path(f"/proc/{process.pid}/root{tmp_path}")
        process.communicate(timeout=5)


@pytest.mark.host
def test_what_found_no_room_is_written_when_there_is_some_again(small_disk: Path) -> None:
    ballast, path = small_disk / "ballast", small_disk / "run.jsonl"
    journal = Journal(path, PLAN)
    ballast.write_bytes(b"x" * 48 * 1024)
    journal.write(record(0, padding=40 * 1024))
    full = journal.trouble
    journal.write(record(1))

    ballast.unlink()
    journal.write(record(2))

    assert os.strerror(errno.ENOSPC) in full
    assert journal.trouble == ""
    assert [found["index"] for found in read(path)[0]] == [0, 1, 2]
    assert all(json.loads(line) for line in path.read_text().splitlines())
    journal.close()
