"""Commands in a guest through its agent."""

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import CommandError, CommandTimeout, GuestError
from kvmlab.virt.agent import POLL_MOST_S, _delays
from kvmlab.virt.domain import Domain
from tests.virt.conftest import BOUND_S, define

pytestmark = pytest.mark.vm

#: A command with a child and a grandchild, all of which can be told by their arguments.
FAMILY = ["sh", "-c", "sh -c 'sleep 4711 | sleep 4712' & sleep 4713"]


@pytest.fixture(scope="module")
def guest(lab: kl.Lab) -> Iterator[Domain]:
    guest = define(lab, "agent").start(progress=Silent())
    yield guest
    guest.destroy()


def family(guest: Domain) -> list[str]:
    """What runs of the family."""
    lines = guest.run(["ps", "-A", "-o", "args"]).stdout.splitlines()
    return [line for line in lines if line.startswith("sleep 471")]


def left(guest: Domain) -> list[str]:
    """What is left of the family after a moment in which who was killed may die."""
    deadline = time.monotonic() + BOUND_S
    while (found := family(guest)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@contextlib.contextmanager
def ctrl_c_when(guest: Domain, count: int) -> Iterator[None]:
    """Press Ctrl-C as soon as this many of the family run."""

    def wait() -> None:
        deadline = time.monotonic() + BOUND_S
        while len(family(guest)) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_status_and_both_outputs_come_back(guest: Domain) -> None:
    done = guest.run(["sh", "-c", "echo out; echo err >&2; exit 3"], check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_command_that_a_signal_ended_has_its_negative_number(guest: Domain) -> None:
    assert guest.run(["sh", "-c", "kill -TERM $$"], check=False).returncode == -signal.SIGTERM


def test_what_is_given_is_read(guest: Domain) -> None:
    assert guest.run(["tr", "a-z", "A-Z"], stdin="héllo\n").stdout == "HéLLO\n"


def test_a_failed_command_is_an_error(guest: Domain) -> None:
    with pytest.raises(CommandError, match="false"):
        guest.run(["false"])


def test_a_program_that_is_not_there_is_an_error(guest: Domain) -> None:
    with pytest.raises(GuestError, match="nosuchprogram") as caught:
        guest.run(["nosuchprogram"])

    assert caught.value.hint == "is it installed in the guest?"


def test_after_its_time_a_command_is_killed_with_all_that_it_started(guest: Domain) -> None:
    with pytest.raises(CommandTimeout, match="agent"):
        guest.run(FAMILY, timeout_s=2.0)

    assert left(guest) == []


def test_ctrl_c_kills_a_command_with_all_that_it_started(guest: Domain) -> None:
    with ctrl_c_when(guest, 3), pytest.raises(KeyboardInterrupt):
        guest.run(FAMILY)

    assert left(guest) == []


def test_lines_come_while_the_command_runs(guest: Domain) -> None:
    script = "echo one; until [ -e /run/go-on ]; do sleep 0.05; done; echo two"

    lines = guest.stream(["sh", "-c", script], timeout_s=BOUND_S)

    assert next(lines) == "one"
    guest.run(["touch", "/run/go-on"])  # until here the command cannot end
    assert list(lines) == ["two"]


def test_a_last_line_without_an_end_comes_too(guest: Domain) -> None:
    assert list(guest.stream(["printf", "a\\n\\nb"])) == ["a", "", "b"]


def test_the_status_of_a_streamed_command_is_checked(guest: Domain) -> None:
    lines = guest.stream(["sh", "-c", "echo what happened; exit 4"])

    assert next(lines) == "what happened"
    with pytest.raises(CommandError) as caught:
        next(lines)
    assert (caught.value.returncode, caught.value.stdout) == (4, "what happened")


def test_after_its_time_a_streamed_command_is_killed(guest: Domain) -> None:
    with pytest.raises(CommandTimeout, match="agent"):
        list(guest.stream(FAMILY, timeout_s=2.0))

    assert left(guest) == []


def test_ctrl_c_kills_a_streamed_command(guest: Domain) -> None:
    with ctrl_c_when(guest, 3), pytest.raises(KeyboardInterrupt):
        list(guest.stream(FAMILY))

    assert left(guest) == []


def test_who_stops_listening_ends_the_command(guest: Domain) -> None:
    lines = guest.stream(["sh", "-c", "echo here; exec sleep 4711"])
    next(lines)

    lines.close()  # type: ignore[attr-defined]  # a generator, though only an iterator is promised

    assert left(guest) == []


def test_commands_leave_no_files(guest: Domain) -> None:
    list(guest.stream(["true"]))
    guest.run(["true"], quiet_s=0.1)

    deadline = time.monotonic() + BOUND_S
    while "output-" in guest.run(["ls", "/run"]).stdout:
        assert time.monotonic() < deadline


def test_a_domain_that_is_off_cannot_run_anything(lab: kl.Lab) -> None:
    off = define(lab, "off")

    with pytest.raises(GuestError, match="'off': is not running") as caught:
        off.run(["true"])

    assert caught.value.hint == "start it"


def test_a_guest_that_is_paused_says_so(guest: Domain) -> None:
    guest.vir.suspend()
    try:
        with pytest.raises(GuestError, match="is paused"):
            guest.run(["true"])
    finally:
        guest.vir.resume()


def test_a_command_that_takes_its_time_is_left_alone_meanwhile() -> None:
    looks = list(itertools.accumulate(itertools.islice(_delays(quiet_s=2.0), 20)))

    assert looks[0] == 2.0
    assert sum(at < 2.5 for at in looks) > 2


def test_a_command_left_alone_ends_as_any_other(guest: Domain) -> None:
    argv = ["sh", "-c", "cat; echo out; echo err >&2; exit 3"]

    done = guest.run(argv, check=False, stdin="in\n", quiet_s=0.1)

    assert (done.argv, done.returncode, done.stdout, done.stderr) == (tuple(argv), 3, "in\nout\n", "err\n")
    assert guest.run(["sh", "-c", "kill -TERM $$"], check=False, quiet_s=0.1).returncode == -signal.SIGTERM
    with pytest.raises(GuestError, match="nosuchprogram") as caught:
        guest.run(["nosuchprogram"], quiet_s=0.1)
    assert caught.value.hint == "is it installed in the guest?"


def test_a_command_left_alone_is_killed_with_all_that_it_started(guest: Domain) -> None:
    with pytest.raises(CommandTimeout, match=r"sh -c .* did not end in guest 'agent'"):
        guest.run(FAMILY, timeout_s=2.0, quiet_s=1.0)

    assert left(guest) == []


def test_a_command_of_unknown_length_is_looked_at_more_and_more_rarely() -> None:
    delays = list(itertools.islice(_delays(), 20))

    assert delays == sorted(delays)
    assert delays[-1] == POLL_MOST_S
