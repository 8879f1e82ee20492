"""A promised test that is skipped fails, and what a test leaves behind is found."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def run(
    folder: Path, source: str, *, require: str = "", options: Sequence[str] = ("test_sample.py",)
) -> "subprocess.CompletedProcess[str]":
    """Run pytest with this folder's conftest on the source of one test."""
    (folder / "test_sample.py").write_text(source)
    env = {**os.environ, "KVMLAB_REQUIRE": require, "PYTHONPATH": str(TESTS), "TMPDIR": str(folder)}
    settings = ["-p", "conftest", "-c", str(TESTS.parent / "pyproject.toml"), "--rootdir", str(folder)]
    line = [sys.executable, "-m", "pytest", *settings, *options]
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, check=False)


SKIPPED = """
import pytest

@pytest.mark.host
def test_it():
    pytest.skip("no such luck")
"""


def test_a_skip_is_a_skip(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPPED)

    assert (done.returncode, "1 skipped" in done.stdout) == (0, True)


@pytest.mark.parametrize(("require", "status"), [("host vm", 1), ("vm", 0)])
def test_a_promised_skip_is_a_failure(tmp_path: Path, require: str, status: int) -> None:
    done = run(tmp_path, SKIPPED, require=require)

    assert done.returncode == status, done.stdout
    assert ("KVMLAB_REQUIRE promises host" in done.stdout) is (status == 1)


@pytest.mark.parametrize(("require", "status"), [("host", 0), ("host root", 1)])
def test_a_test_that_needs_more_than_was_promised_may_be_skipped(
    tmp_path: Path, require: str, status: int
) -> None:
    source = SKIPPED.replace("@pytest.mark.host", "@pytest.mark.host\n@pytest.mark.root")

    assert run(tmp_path, source, require=require).returncode == status


def test_a_process_that_a_test_leaves_is_found(tmp_path: Path) -> None:
    source = """
import subprocess

def test_it():
    subprocess.Popen(["sleep", "20"], start_new_session=True).returncode = 0
"""
    done = run(tmp_path, source)

    assert done.returncode == 1
    assert "processes of labs are left" in done.stdout


def test_a_lab_directory_that_a_test_leaves_is_found(tmp_path: Path) -> None:
    source = """
import conftest

def test_it():
    (conftest.STATE_DIR / "labs/forgotten").mkdir(parents=True)
"""
    done = run(tmp_path, source)

    assert done.returncode == 1
    assert "directories of labs are left" in done.stdout


def test_tests_of_one_folder_run_in_one_process(tmp_path: Path) -> None:
    for name in ("one/test_a.py", "one/test_b.py", "two/test_c.py", "two/test_d.py"):
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import pytest\n\n@pytest.mark.parametrize('n', range(9))\ndef test_it(n): pass\n")

    done = run(tmp_path, "", options=("-v", "--numprocesses=2", "--dist=loadscope", "tests"))

    found = re.findall(r"\[(gw\d)\].* PASSED tests/(one|two)/", done.stdout)
    assert len(found) == 36, done.stdout
    assert len(set(found)) == 2
