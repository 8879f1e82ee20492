"""A sandbox: what is in it sees and changes nothing of the machine, and ends with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvmlab import _paths
from kvmlab.errors import HostError
from kvmlab.sandbox import Limits, Sandbox
from kvmlab.sandbox.census import Census
from kvmlab.sandbox.limits import processes

pytestmark = pytest.mark.host


@pytest.mark.root
def test_root_is_refused() -> None:
    with pytest.raises(HostError, match="not run by root"):
        Sandbox(Limits())


@contextmanager
def running(program: str, **limits: float) -> Iterator[Sandbox]:
    """A sandbox with a shell program, which said "begun"."""
    with Sandbox(Limits(**{"seconds": 60, **limits})) as box:  # type: ignore[arg-type]
        box.start(["sh", "-c", f"echo begun; {program}"], {})
        assert box.listen() == "begun", box.log_tail()
        yield box


def said(program: str) -> list[str]:
    with running(f"{{ {program}; }} 2>&1; echo over") as box:
        lines: list[str] = []
        while (line := box.listen()) not in (None, "over"):
            lines.append(str(line))
        return lines


@pytest.mark.user
def test_it_is_root_inside_and_nobody_special_outside() -> None:
    with running("id -u; sleep 60") as box:
        assert box.listen() == "0"
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes(box.outermost)}

    assert owners == {os.geteuid()}


@pytest.mark.user
@pytest.mark.parametrize(
    "attempt",
    [
        "touch /usr/bin/mine",
        "mount -o remount,bind,rw /usr && touch /usr/bin/mine",
        "umount -l /usr",
        f"touch {Path(__file__).parent.parent.parent / 'kvmlab' / 'mine'}",
        "echo 1 >/proc/sys/kernel/sysrq",
        "mknod /tmp/disk b 8 0 && cat /tmp/disk",
    ],
)
def test_it_cannot_change_the_machine(attempt: str) -> None:
    with running(f"{attempt} && echo done || echo refused") as box:
        assert box.listen() == "refused"


@pytest.mark.user
def test_homes_temporary_files_and_the_checkout_are_not_seen(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("solution")
    checkout = Path(__file__).parent.parent.parent

    lines = said(f"cat {secret}; ls -A {checkout}; ls -A /root /var/tmp")

    assert not any("solution" in line for line in lines)
    assert [line for line in lines if line in ("exercises", "tests", ".git")] == []


@pytest.mark.user
def test_it_has_a_network_and_processes_of_its_own() -> None:
    lines = said("ls /sys/class/net; ip -o link | wc -l; ps -e -o pid= | sort -n | head -1")

    assert "1" in [line.strip() for line in lines]
    assert not any("eth" in line for line in lines)
    with running("sleep 60") as box:
        assert subprocess.run(
            ["ip", "link"], check=True, capture_output=True
        ).stdout  # the machine's is there
        numbers = [str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in processes(box.outermost)]
    assert str(Path("/proc/self/ns/net").readlink()) != numbers[-1]


@pytest.mark.user
def test_what_it_writes_into_the_cache_is_forgotten() -> None:
    mine = _paths.cache_dir() / "mine"

    lines = said(f"echo x >{mine} && cat {mine}")

    assert lines == ["x"]
    assert not mine.exists()


@pytest.mark.user
def test_its_folder_is_seen_on_both_sides_and_removed_at_the_end() -> None:
    with running("echo hello >$HOME/note; echo written; sleep 60") as box:
        assert box.listen() == "written"
        folder = box.folder
        assert (folder / "note").read_text() == "hello\n"

    assert not folder.parent.exists()


@pytest.mark.user
def test_a_fork_bomb_meets_its_limit() -> None:
    bomb = "while true; do sleep 600 & done"
    with running(f"({bomb}) 2>/dev/null; echo over", processes=60) as box:
        assert box.listen() in ("over", None)

        assert len(list(processes(box.outermost))) <= 70


@pytest.mark.user
def test_who_uses_too_much_memory_is_found_out() -> None:
    hog = f"{sys.executable} -c \"x = bytearray(400 << 20); x[::4096] = b'x' * len(x[::4096]); input()\""
    with (
        running(f"sleep 600 | {hog}", memory_mib=300) as box,
        pytest.raises(ResourceWarning, match="more than 300 MiB of memory"),
    ):
        box.listen()


@pytest.mark.user
def test_who_writes_too_much_is_found_out() -> None:
    with (
        running("head -c 50M /dev/zero >$HOME/big; sleep 60", disk_mib=20) as box,
        pytest.raises(ResourceWarning, match="it wrote more than 20 MiB"),
    ):
        box.listen()


@pytest.mark.user
def test_who_says_nothing_is_given_up() -> None:
    with running("sleep 600", seconds=3) as box, pytest.raises(TimeoutError, match="longer than 3 s"):
        box.listen()


@pytest.mark.user
def test_those_who_came_later_are_ended_and_the_others_are_not() -> None:
    program = (
        "sleep 600 & read line; (setsid sleep 601 &); unshare --pid --fork sleep 602 & echo more; read line"
    )
    with running(program) as box:
        before = Census.take(box.outermost, spared=[])
        box.tell("go")
        assert box.listen() == "more"

        assert before.end_others()

        left = Census.take(box.outermost, spared=[]).members
        assert left <= before.members
        assert len(left) == len(before.members)


@pytest.mark.user
def test_it_ends_with_the_process_that_started_it() -> None:
    program = (
        "from kvmlab.sandbox import *; box = Sandbox(Limits()).__enter__();"
        "box.start(['sh', '-c', 'echo begun; sleep 600'], {});"
        "box.listen(); print(box.outermost, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        inside = [os.pidfd_open(pid) for pid in processes(int(starter.stdout.readline()))]
        starter.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 20
    while any(_runs(descriptor) for descriptor in inside) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(descriptor) for descriptor in inside)
    with Sandbox(Limits()) as box:  # whoever comes next removes what is left
        assert [path.name for path in box.folder.parent.parent.glob("[!.]*/")] == [box.folder.parent.name]


def _runs(descriptor: int) -> bool:
    try:
        signal.pidfd_send_signal(descriptor, 0)
    except ProcessLookupError:
        return False
    return True
