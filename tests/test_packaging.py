"""The wheel works without a checkout: it carries the course and all data files."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from kvmlab import jupyter

ROOT = Path(__file__).parent.parent
LIST = ROOT / "kvmlab/needs.txt"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built for real and unpacked, as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("kvmlab-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def course_files(folder: Path) -> set[str]:
    paths = [path for part in jupyter.PARTS for path in (folder / part).rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)) for path in paths}
    return {name for name in names if ".ipynb_checkpoints" not in name and "__pycache__" not in name}


def test_the_wheel_carries_the_whole_course(installed: Path) -> None:
    carried = course_files(installed / "kvmlab/course")

    assert "notebooks/00-start-here.ipynb" in carried
    assert carried == course_files(ROOT)


def test_the_wheel_carries_every_file_of_the_package(installed: Path) -> None:
    ours = [
        path for path in (ROOT / "kvmlab").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]

    missing = [
        str(path.relative_to(ROOT)) for path in ours if not (installed / path.relative_to(ROOT)).is_file()
    ]

    assert missing == []


def test_the_wheel_carries_nothing_else(installed: Path) -> None:
    top = {path.name for path in installed.iterdir()}

    assert {name for name in top if not name.endswith(".dist-info")} == {"kvmlab"}


def test_a_course_is_served_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from kvmlab import jupyter;"
        "print(jupyter.course_dir(), len(jupyter.workspace(pathlib.Path(sys.argv[1])).added))"
    )
    env = {**os.environ, "PYTHONPATH": str(installed)}
    line = [sys.executable, "-c", program, str(tmp_path / "course")]

    done = subprocess.run(line, cwd=tmp_path, env=env, check=True, capture_output=True, text=True)

    for_learners = {name for name in course_files(ROOT) if not name.endswith(".py")}
    assert done.stdout == f"{installed / 'kvmlab/course'} {len(for_learners)}\n"
    assert course_files(tmp_path / "course") == for_learners
    exercises = (tmp_path / "course/exercises").rglob("*.ipynb")
    assert [path.name for path in exercises if "SOLUTION" in path.read_text(encoding="utf-8")] == []


def test_every_dependency_has_a_sentence_in_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    names = [line.partition(">")[0] for line in project["dependencies"]]

    assert [name for name in names if f"**{name}**" not in readme] == []


def test_the_version_has_an_entry_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def needs() -> list[list[str]]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines if line and line[0] != "#"]


def test_every_need_names_a_file_a_package_and_a_reason() -> None:
    assert [row for row in needs() if len(row) != 3 or row[0][0] != "/" or " " in row[0] or not row[2]] == []


def test_no_package_is_listed_twice() -> None:
    packages = [row[1].split()[0] for row in needs()]

    assert len(packages) == len(set(packages))
