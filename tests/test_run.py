"""Commands on this machine: input, output, status, time limits, and that nothing of them is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kvmlab import _run
from kvmlab._run import Completed, LocalRunner
from kvmlab.errors import CommandError, CommandTimeout, ExecutableNotFound

HERE = LocalRunner()
#: Starts a child and tells its number, then waits for both.
PARENT = ["sh", "-c", "sleep 60 & echo $!; wait"]


def is_gone(pid: int) -> bool:
    """Whether the process ended within some seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


# ------------------------------------------------------------------ run


def test_output_status_and_time_are_kept() -> None:
    done = HERE.run(["sh", "-c", "echo out; echo err >&2; sleep 0.05; exit 3"], check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv[0] == "sh"
    assert done.elapsed_s >= 0.05


def test_input_is_passed_on() -> None:
    assert HERE.run(["cat"], stdin="żółw\n").stdout == "żółw\n"


def test_a_command_that_does_not_read_its_input_is_no_error() -> None:
    assert HERE.run(["true"], stdin="x" * 1_000_000).returncode == 0


def test_a_failed_command_is_an_error_with_its_output() -> None:
    with pytest.raises(CommandError, match="ended with status 4: no way") as caught:
        HERE.run(["sh", "-c", "echo out; echo no way >&2; exit 4"])

    assert (caught.value.returncode, caught.value.stdout, caught.value.stderr) == (4, "out\n", "no way\n")


def test_a_command_that_a_signal_ended_has_its_negative_number() -> None:
    assert HERE.run(["sh", "-c", "kill -9 $$"], check=False).returncode == -9


def test_output_that_is_no_text_is_shown_all_the_same() -> None:
    assert HERE.run(["printf", "a\\377b"]).stdout == "a\ufffdb"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ExecutableNotFound, match="'no-such-program'"):
        HERE.run(["no-such-program"])


def test_a_missing_program_of_the_prefix_is_named() -> None:
    with pytest.raises(ExecutableNotFound, match="'no-such-prefix'"):
        LocalRunner("x", ("no-such-prefix",)).run(["true"])


def test_programs_for_administrators_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")

    folders = HERE.run(["printenv", "PATH"]).stdout.strip().split(":")

    assert folders[0] == "/usr/bin"
    assert "/usr/sbin" in folders


def test_an_environment_replaces_the_callers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMLAB_SAMPLE", "outside")

    assert LocalRunner(env={"PATH": "/usr/bin", "OWN": "1"}).run(["env"]).stdout.count("KVMLAB_SAMPLE") == 0


def test_a_command_does_not_wait_for_a_terminal() -> None:
    assert HERE.run(["cat"]).stdout == ""


def test_a_command_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(CommandTimeout, match="did not end on this machine") as caught:
        HERE.run(["sh", "-c", 'sleep 60 & echo $! >"$1"; wait', "sh", str(tmp_path / "pid")], timeout_s=0.5)

    assert caught.value.after_s == 0.5
    assert is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("action", ["run", "stream"])
def test_ctrl_c_ends_a_command_with_its_children(tmp_path: Path, action: str) -> None:
    note = tmp_path / "pid"
    command = ["sh", "-c", 'sleep 60 & echo $! >"$1"; wait', "sh", str(note)]
    script = f"from kvmlab._run import LocalRunner; list(LocalRunner().{action}({command}))"
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=20) == -signal.SIGINT
    assert is_gone(int(note.read_text()))


def test_what_a_command_leaves_running_on_purpose_stays() -> None:
    pid = int(HERE.run(["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]).stdout)

    os.kill(pid, signal.SIGKILL)  # it lives: this raises otherwise

    assert is_gone(pid)


def test_no_descriptor_is_left_open() -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for _ in range(3):
        HERE.run(["true"])
        list(HERE.stream(["true"]))

    assert count() == before


# ------------------------------------------------------------------ stream


def test_lines_come_as_they_are_printed() -> None:
    lines = HERE.stream(["sh", "-c", "echo one; echo two >&2; read x; true"])

    assert [next(lines), next(lines)] == ["one", "two"]
    assert list(lines) == []


def test_a_last_line_without_end_is_a_line() -> None:
    assert list(HERE.stream(["printf", "one\\ntwo"])) == ["one", "two"]


def test_a_stream_of_a_failed_command_ends_with_an_error_that_shows_its_last_lines() -> None:
    lines = HERE.stream(["sh", "-c", "echo first; echo cannot >&2; exit 5"])

    with pytest.raises(CommandError, match="status 5") as caught:
        list(lines)

    assert caught.value.stdout == "first\ncannot"


def test_a_stream_that_is_left_ends_its_command_with_its_children() -> None:
    lines = HERE.stream(PARENT)
    pid = int(next(lines))

    lines.close()  # type: ignore[attr-defined]

    assert is_gone(pid)


def test_a_stream_that_takes_too_long_ends_its_command_with_its_children() -> None:
    lines = HERE.stream(PARENT, timeout_s=0.3)
    pid = int(next(lines))

    with pytest.raises(CommandTimeout, match="did not end"):
        next(lines)

    assert is_gone(pid)


def test_a_command_that_closes_its_output_and_goes_on_is_ended() -> None:
    with pytest.raises(CommandTimeout, match="did not end"):
        list(HERE.stream(["sh", "-c", "exec >/dev/null 2>&1; sleep 60"], timeout_s=0.3))


def test_a_daemon_that_keeps_the_output_open_does_not_hold_up_the_end() -> None:
    lines = HERE.stream(["sh", "-c", "setsid sh -c 'echo $$; exec sleep 60' & exec sleep 60"])
    pid = int(next(lines))
    started = time.monotonic()

    lines.close()  # type: ignore[attr-defined]

    assert time.monotonic() - started < 30
    os.kill(pid, signal.SIGKILL)
    wait_for_readers()


def wait_for_readers() -> None:
    deadline = time.monotonic() + 10
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)


# ------------------------------------------------------------------ the rest


def test_a_result_checks_itself() -> None:
    good, bad = (Completed(("x",), status, "", "", 0.0) for status in (0, 1))

    assert good.check() is good
    with pytest.raises(CommandError):
        bad.check()


def test_a_result_shows_the_command_and_what_it_said() -> None:
    done = HERE.run(["sh", "-c", "echo 'a b'; exit 2"], check=False)

    assert repr(done) == "$ sh -c 'echo '\"'\"'a b'\"'\"'; exit 2'\na b\n(status 2)"


def test_required_programs_are_looked_for_in_turn() -> None:
    _run.require("sh", "true")

    with pytest.raises(ExecutableNotFound, match="'no-such-program'"):
        _run.require("sh", "no-such-program", "neither")


def test_a_process_becomes_the_command_and_loses_nothing_that_it_printed() -> None:
    script = """
from kvmlab._run import replace_process
print("before")
replace_process(["printenv", "OWN"], env={"OWN": "after"})
"""

    done = HERE.run([sys.executable, "-c", script])

    assert done.stdout == "before\nafter\n"


def test_a_process_cannot_become_a_missing_program() -> None:
    with pytest.raises(ExecutableNotFound):
        _run.replace_process(["no-such-program"])


def test_a_tree_is_removed_and_one_that_is_gone_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)

    _run.remove_tree(tmp_path / "a")
    _run.remove_tree(tmp_path / "a")

    assert not (tmp_path / "a").exists()


@pytest.mark.host
def test_a_tree_with_files_of_subordinate_ids_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    make = f"mkdir {folder}/own; touch {folder}/own/file; chown -R 33:33 {folder}/own; chmod 700 {folder}/own"
    prefix = _run.MAPPED_ROOT if os.geteuid() != 0 else ()
    LocalRunner("root", prefix).run(["sh", "-c", make])

    _run.remove_tree(folder)

    assert not folder.exists()
