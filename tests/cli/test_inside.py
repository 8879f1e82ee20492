"""Commands in guests and on hosts of a lab, and the console."""

import os
import signal
import subprocess
import sys
import time

import pexpect
import pytest

import kvmlab as kl
from tests.cli.conftest import COMMAND, Run

PRINT_ALL = 'cat; echo "to stdout"; echo "to stderr" >&2; exit 7'


@pytest.mark.host
def test_a_host_gets_input_and_gives_output_and_status(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("exec", "--lab", lab.name, "pc", "--", "sh", "-c", PRINT_ALL, stdin="from stdin\n")

    assert done.returncode == 7
    assert done.stdout == "from stdin\nto stdout\n"
    assert done.stderr == "to stderr\n"


@pytest.mark.host
def test_each_host_of_a_lab_is_another(kvmlab: Run, lab: kl.Lab) -> None:
    shown = {
        host: kvmlab("exec", "--lab", lab.name, host, "ip", "-brief", "address").stdout
        for host in ("host", "pc")
    }

    assert "virbr" in shown["host"]
    assert "192.168.1.20/24" in shown["pc"]
    assert "virbr" not in shown["pc"]


@pytest.mark.host
def test_options_after_the_place_belong_to_the_command(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("exec", "--lab", lab.name, "host", "ls", "--help")

    assert done.stdout.startswith("Usage: ls ")


@pytest.mark.host
def test_a_guest_that_a_lab_does_not_have_is_named_with_those_it_has(kvmlab: Run, lab: kl.Lab) -> None:
    done = kvmlab("exec", "--lab", lab.name, "nosuch", "true")

    assert done.returncode == 1
    assert f"lab '{lab.name}' has no guest 'nosuch'" in done.stderr
    assert "hosts: host, switch, router, pc, internet" in done.stderr


@pytest.mark.vm
def test_a_guest_gets_input_and_gives_output_and_status(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    done = kvmlab("exec", "--lab", lab.name, guest, "--", "sh", "-c", PRINT_ALL, stdin="from stdin\n")

    assert done.returncode == 7
    assert done.stdout == "from stdin\nto stdout\n"
    assert done.stderr == "to stderr\n"


@pytest.mark.vm
def test_bytes_pass_through_a_guest_unchanged(lab: kl.Lab, guest: str) -> None:
    data = os.urandom(100_000)

    line = [COMMAND, "exec", "--lab", lab.name, guest, "cat"]
    done = subprocess.run(line, input=data, capture_output=True, check=True, timeout=120)

    assert done.stdout == data


@pytest.mark.vm
def test_a_command_that_a_guest_does_not_have_ends_with_127(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    done = kvmlab("exec", "--lab", lab.name, guest, "nosuch")

    assert done.returncode == 127
    assert "nosuch" in done.stderr


@pytest.mark.vm
def test_a_command_that_a_signal_ended_has_the_status_of_a_shell(
    kvmlab: Run, lab: kl.Lab, guest: str
) -> None:
    done = kvmlab("exec", "--lab", lab.name, guest, "sh", "-c", "kill -TERM $$")

    assert done.returncode == 128 + signal.SIGTERM


@pytest.mark.vm
def test_output_of_a_guest_comes_while_the_command_runs(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    script = "echo first; until [ -e /run/go-on ]; do sleep 0.1; done; echo second"
    line = [COMMAND, "exec", "--lab", lab.name, guest, "sh", "-c", script]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # the command waits for what comes next

        kvmlab("exec", "--lab", lab.name, guest, "touch", "/run/go-on")
        rest = process.stdout.read()

    assert (first, rest) == ("first\n", "second\n")
    assert process.returncode == 0


@pytest.mark.vm
def test_ctrl_c_ends_the_command_in_the_guest_with_its_children(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    line = [COMMAND, "exec", "--lab", lab.name, guest, "sh", "-c", "echo begun; sleep 4242; echo not reached"]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        begun = process.stdout.readline()

        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)

    deadline = time.monotonic() + 30
    while kvmlab("exec", "--lab", lab.name, guest, "pgrep", "-f", "[s]leep 4242").returncode == 0:
        assert time.monotonic() < deadline
    assert begun == "begun\n"
    assert process.returncode == 130


@pytest.mark.vm
def test_nothing_of_a_command_is_left_in_the_guest(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    kvmlab("exec", "--lab", lab.name, guest, "true")

    deadline = time.monotonic() + 30
    while "relay." in lab.domain(guest).run(["ls", "/run"]).stdout:
        assert time.monotonic() < deadline


@pytest.mark.vm
@pytest.mark.parametrize("command", [("exec", "asleep", "true"), ("console", "asleep")], ids=lambda c: c[0])
def test_a_guest_that_does_not_run_is_named(
    kvmlab: Run, lab: kl.Lab, guest: str, command: tuple[str, ...]
) -> None:
    done = kvmlab(command[0], "--lab", lab.name, *command[1:])

    assert done.returncode == 1
    assert "guest 'asleep': is not running" in done.stderr


@pytest.mark.vm
def test_the_console_needs_a_terminal(kvmlab: Run, lab: kl.Lab, guest: str) -> None:
    done = kvmlab("console", "--lab", lab.name, guest)

    assert done.returncode == 1
    assert f"kvmlab exec {guest} COMMAND" in done.stderr


@pytest.mark.vm
def test_the_console_is_a_root_shell_and_is_left_with_ctrl_and_bracket(lab: kl.Lab, guest: str) -> None:
    console = pexpect.spawn(COMMAND, ["console", "--lab", lab.name, guest], timeout=60, encoding="utf-8")
    console.logfile_read = sys.stdout
    try:
        console.expect("Ctrl and ] leave it")
        deadline = time.monotonic() + 60
        seen = 1
        while seen != 0:  # what is typed before virsh has opened the console is lost
            assert time.monotonic() < deadline
            console.send("\r")
            seen = console.expect([f"root@{guest}.*# ", pexpect.TIMEOUT], timeout=2)

        console.send("echo $((40 + 2)) $(id -un)\r")
        console.expect("42 root")

        console.sendcontrol("]")
        console.expect(pexpect.EOF)
    finally:
        console.close()

    assert console.exitstatus == 0
