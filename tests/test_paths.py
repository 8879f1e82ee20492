"""Folders of kvmlab: from the environment, or the home; and never, for root, somebody else's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmlab import _paths
from kvmlab.errors import HostError

#: The user nobody, on every distribution.
SOMEBODY = 65534
VARIABLES = ("KVMLAB_CACHE_DIR", "KVMLAB_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_folders_are_in_the_home(home: Path) -> None:
    assert _paths.cache_dir() == home / ".cache/kvmlab"
    assert _paths.state_dir() == home / ".local/state/kvmlab"


def test_the_environment_says_where_they_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "c"))
    monkeypatch.setenv("KVMLAB_STATE_DIR", str(home / "s"))

    assert (_paths.cache_dir(), _paths.state_dir()) == (home / "c/kvmlab", home / "s")


def test_each_user_has_a_part_of_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _paths.personal_cache_dir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert own.parent == home / ".cache/kvmlab"
    assert _paths.personal_cache_dir() != own


@pytest.mark.root
@pytest.mark.parametrize("folder", [_paths.cache_dir, _paths.state_dir])
def test_root_does_not_work_in_the_home_of_another(folder: object, home: Path) -> None:
    os.chown(home, SOMEBODY, SOMEBODY)

    with pytest.raises(HostError, match=f"{home} belongs to nobody") as caught:
        folder()  # type: ignore[operator]

    assert "run this as nobody, without sudo" in caught.value.hint


@pytest.mark.root
@pytest.mark.host
@pytest.mark.parametrize(
    "command",
    [["up"], ["ls"], ["doctor"], ["image", "build"], ["image", "remove", "--templates"], ["bench"]],
    ids=" ".join,
)
def test_no_command_of_root_leaves_anything_there(command: list[str], home: Path) -> None:
    (home / ".cache").mkdir()
    for path in (home, home / ".cache"):
        os.chown(path, SOMEBODY, SOMEBODY)

    done = subprocess.run(
        [sys.executable, "-c", "from kvmlab.cli import main; main()", *command],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "belongs to nobody" in done.stderr + done.stdout
    assert [path.name for path in home.rglob("*")] == [".cache"]
