"""Old images and saved guests go, and what a running lab uses stays."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab import _paths, image
from kvmlab._progress import Silent
from kvmlab.errors import InUseError
from kvmlab.image import leases
from kvmlab.lab import lab_dir, pruning
from kvmlab.virt import saved
from lab.conftest import start

pytestmark = pytest.mark.vm

#: Starts a lab in a state directory of its own, defines a guest there and waits for a line.
ELSEWHERE = """
import sys
import kvmlab as kl
from kvmlab._progress import Silent

with kl.Lab.start("elsewhere", progress=Silent()) as lab:
    lab.define(kl.DomainSpec(name="vm1"))
    print("defined", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with the image that guests boot, and an old one; what libvirt found out is the usual one."""
    real, personal = image.find_image(), _paths.personal_cache_dir()
    for folder in (personal / "libvirt", tmp_path / personal.name):
        folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / personal.name / "libvirt").symlink_to(personal / "libvirt")
    older = {"recipe": "old", "built": "2020-01-01T00:00:00+00:00"}
    for name, changes in ((real.name, {}), ("debian-12-old", older)):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for file in real.path.iterdir():
            (folder / file.name).symlink_to(file)
        (folder / "manifest.json").unlink()
        manifest = image.read_manifest(real) | changes
        (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("KVMLAB_CACHE_DIR", str(tmp_path))
    return tmp_path


def names() -> list[str]:
    return sorted(found.name for found in image.list_images())


def test_an_old_image_goes_and_the_one_in_use_stays(cache: Path) -> None:
    needed = image.find_image().name

    removed = pruning.remove_old()

    assert [each.name for each in removed.images] == ["debian-12-old"]
    assert names() == [needed]


def test_an_image_that_a_running_lab_uses_is_not_old(cache: Path) -> None:
    with start("user") as lab:
        leases.take("debian-12-old", lab.path)

        assert pruning.remove_old().images == ()
        with pytest.raises(InUseError, match="'debian-12-old' is used by lab user") as caught:
            pruning.remove_image("debian-12-old")
        assert caught.value.users == ("user",)

    assert [each.name for each in pruning.remove_old().images] == ["debian-12-old"]


def test_a_lab_notes_the_image_of_its_guests_and_forgets_labs_that_are_gone(cache: Path) -> None:
    name = image.find_image().name
    leases.take(name, lab_dir("gone"))
    with start("user") as lab:
        lab.define(kl.DomainSpec(name="vm1"))

        assert pruning.labs_using(name) == ["user"]
        assert list(leases.holders(name).values()) == [lab.path]
        # what libvirt found out is kept for each user
        assert (lab.path / "libvirt-cache").readlink() == _paths.personal_cache_dir() / "libvirt"

    assert pruning.labs_using(name) == []


def test_labs_in_another_state_directory_count_too(
    cache: Path,
) -> None:
    name = image.find_image().name
    with tempfile.TemporaryDirectory(prefix="kvmlab-") as state:
        env = {**os.environ, "KVMLAB_STATE_DIR": state}
        line = [sys.executable, "-c", ELSEWHERE]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(line, env=env, text=True, **pipes) as process:  # type: ignore[call-overload]
            assert process.stdout.readline() == "defined\n"

            assert pruning.labs_using(name) == ["elsewhere"]

            process.communicate("end\n")
        assert pruning.labs_using(name) == []


def test_with_its_image_a_saved_guest_goes_and_a_guest_that_runs_from_it_runs_on(cache: Path) -> None:
    with start("user") as lab:
        guest = lab.define(kl.DomainSpec(name="vm1")).start(progress=Silent())
        (found,) = saved.list_saved()
        assert (found.image, found.outdated) == (image.find_image().name, "")

        pruning.remove_image(found.image, force=True)
        removed = pruning.remove_old()

        assert [each.name for each in removed.saved] == [found.name]
        assert list(saved.templates_dir().iterdir()) == []
        assert guest.run(["cat", "/proc/sys/kernel/hostname"]).stdout == "vm1\n"
