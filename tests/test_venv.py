"""scripts/venv makes the virtual environment once, and again when it has to.

The project that it installs here is a tiny one that needs nothing from the
network: its build backend is a file of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
[project.optional-dependencies]
dev = []
"""

BACKEND = """\
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    info, name = "tiny-1.dist-info", "tiny-1-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\nProvides-Extra: dev\\n"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/venv", folder / "scripts/venv")
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    return folder


def make(checkout: Path, *extra: str, python: str = "/usr/bin/python3") -> "subprocess.CompletedProcess[str]":
    line = [str(checkout / "scripts/venv"), ".venv", *extra]
    env = {"PATH": "/usr/bin:/bin", "PYTHON": python}
    return subprocess.run(
        line, cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def installs(done: "subprocess.CompletedProcess[str]") -> tuple[bool, bool]:
    """Whether a run made the environment, and whether it installed the project."""
    assert done.returncode == 0, done.stdout + done.stderr
    return "Making the virtual environment" in done.stdout, "Successfully installed tiny" in done.stdout


def test_the_environment_is_made_once(checkout: Path) -> None:
    assert installs(make(checkout)) == (True, True)
    assert make(checkout).stdout == ""
    assert (checkout / ".venv/bin/python").resolve() == Path("/usr/bin/python3").resolve()


def test_changed_dependencies_and_another_extra_are_installed_into_it(checkout: Path) -> None:
    make(checkout)

    with_extra = installs(make(checkout, "dev"))
    (checkout / "pyproject.toml").write_text(f"{PYPROJECT}# changed\n")
    after_a_change = installs(make(checkout, "dev"))

    assert with_extra == after_a_change == (False, True)
    assert make(checkout, "dev").stdout == make(checkout).stdout == ""


def test_a_checkout_that_moved_gets_a_new_one(checkout: Path) -> None:
    make(checkout)
    moved = checkout.rename(checkout.with_name("moved"))

    assert installs(make(moved)) == (True, True)


def test_an_interrupted_installation_is_done_again(checkout: Path) -> None:
    (checkout / "backend.py").write_text("raise SystemExit(1)")
    assert make(checkout).returncode != 0
    (checkout / "backend.py").write_text(BACKEND)

    assert installs(make(checkout)) == (False, True)


def test_an_old_python_is_refused(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    done = make(checkout, python=str(old))

    assert done.returncode == 1
    assert "older than Python 3.11" in done.stderr
    assert not (checkout / ".venv").exists()


def test_this_environment_is_of_a_python_that_others_can_read() -> None:
    if not (Path(sys.prefix) / ".kvmlab-base").exists():
        pytest.skip("this is not an environment that `make` made")

    for folder in [Path(sys.base_prefix), *Path(sys.base_prefix).parents]:
        assert folder.stat().st_mode & 0o005 == 0o005, folder
