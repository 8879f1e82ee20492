"""The tools that check code without running it, as tests."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ("kvmlab", "tests", "notebooks", "exercises")


def passes(*line: str) -> None:
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    passes(sys.executable, "-m", "ruff", "check", *CODE)


def test_code_and_notebooks_are_formatted() -> None:
    passes(sys.executable, "-m", "ruff", "format", "--check", *CODE)


def test_types_are_right() -> None:
    passes(sys.executable, "-m", "mypy")


def test_shell_scripts_are_right() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]

    passes("shellcheck", *map(str, scripts), str(ROOT / ".ci/run"))
