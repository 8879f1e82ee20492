"""System calls: a refusal names what was refused, and a thread comes home from a namespace."""

import sys
from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.host import kernel

TRY = """
import os
from pathlib import Path
from kvmlab.host import kernel
own = os.readlink("/proc/thread-self/ns/net")
with kernel.inside_netns(Path("/run/netns/other")):
    inside = os.readlink("/proc/thread-self/ns/net")
print(own != inside, os.readlink("/proc/thread-self/ns/net") == own, len(os.listdir("/proc/self/fd")))
try:
    with kernel.inside_netns(Path("/run/netns/other")):
        raise KeyError
except KeyError:
    print(os.readlink("/proc/thread-self/ns/net") == own)
kernel.mount("tmpfs", Path("/mnt"))
Path("/mnt/file").write_text("seen")
Path("/mnt/target").mkdir()
kernel.bind(Path("/mnt"), Path("/mnt/target"))
print(Path("/mnt/target/file").read_text())
"""


@pytest.mark.host
def test_a_thread_comes_home_and_mounts_are_made() -> None:
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c")
    script = 'mount -t tmpfs tmpfs /run; ip netns add other; exec "$@"'

    done = LocalRunner("sandbox", (*prefix, script, "sh")).run([sys.executable, "-c", TRY])

    assert done.stdout.splitlines() == ["True True 4", "True", "seen"]


def test_a_refused_mount_names_its_target(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"'{tmp_path}'"):
        kernel.mount("no-such-file-system", tmp_path)


def test_a_bind_to_nowhere_names_its_target(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="'/nowhere'"):
        kernel.bind(tmp_path, Path("/nowhere"))


def test_a_namespace_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(OSError, match="file"), kernel.inside_netns(tmp_path / "file"):
        pytest.fail("it was entered")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
