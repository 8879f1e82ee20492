"""Daemons as PID 1 sees them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import DaemonError
from kvmlab.host import daemons
from kvmlab.host.daemons import Daemons

SLEEP = ["sleep", "30"]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemons]:
    monkeypatch.setattr(daemons, "NETWORK_PIDS", tmp_path / "network")
    (tmp_path / "network").mkdir()
    one = Daemons(tmp_path, LocalRunner())

    yield one

    for daemon in one.started:
        if daemon.status is None:
            os.kill(daemon.pid, signal.SIGKILL)
            os.waitpid(daemon.pid, 0)


def state_after_end(found: Daemons, name: str) -> str:
    deadline = time.monotonic() + 10
    while found.states()[name] == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    return found.states()[name]


def test_a_daemon_runs(found: Daemons) -> None:
    found.spawn("sleeper", SLEEP)

    assert found.states() == {"sleeper": "running"}
    found.check()


def test_a_daemon_that_ended_says_how(found: Daemons) -> None:
    found.spawn("brief", ["sh", "-c", "exit 3"])
    found.spawn("killed", ["sh", "-c", "kill -9 $$"])

    assert state_after_end(found, "brief") == "ended with status 3"
    assert state_after_end(found, "killed") == "killed by signal 9"


def test_the_end_of_a_daemon_is_an_error_with_the_end_of_its_log(found: Daemons) -> None:
    found.spawn("the server", ["sh", "-c", "seq 20; echo cannot bind >&2; exit 2"])
    state_after_end(found, "the server")

    with pytest.raises(DaemonError, match="the server: ended with status 2") as caught:
        found.check()

    assert caught.value.log_tail.splitlines()[-2:] == ["20", "cannot bind"]
    assert "1\n" not in caught.value.log_tail.split("14")[0]


def test_a_daemon_has_no_terminal(found: Daemons) -> None:
    found.spawn("reader", ["sh", "-c", "cat; echo at the end"])
    state_after_end(found, "reader")

    assert found.log_tail("reader") == "at the end"


def test_a_daemon_without_a_log_has_no_tail(found: Daemons) -> None:
    assert found.log_tail("nobody") == ""


@pytest.fixture
def network(found: Daemons, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like the dnsmasq of network blue, with its pid file."""
    source = "import subprocess; subprocess.run(['sleep', '30'])"
    line = [sys.executable, "-c", source, "dnsmasq", "--dhcp-script=helper"]
    with subprocess.Popen(line, start_new_session=True) as process:
        (tmp_path / "network/blue.pid").write_text(f"{process.pid}\n")
        (tmp_path / "network/blue.xml").write_text("")
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def helper(process: "subprocess.Popen[bytes]") -> str:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 10
    while not path.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    return path.read_text().split()[0]


def test_libvirts_own_dnsmasq_is_found(found: Daemons, network: "subprocess.Popen[bytes]") -> None:
    helper(network)

    assert found.states() == {"dnsmasq of network blue": "running"}


@pytest.mark.parametrize("pid", ["4194305", "", "nonsense"])
def test_a_dnsmasq_whose_process_is_gone_has_ended(found: Daemons, tmp_path: Path, pid: str) -> None:
    (tmp_path / "network/blue.pid").write_text(pid)
    (tmp_path / "network/blue.xml").write_text("")

    assert found.states() == {"dnsmasq of network blue": "ended"}


def test_a_number_that_another_process_has_now_is_no_dnsmasq(found: Daemons, tmp_path: Path) -> None:
    (tmp_path / "network/blue.pid").write_text(str(os.getpid()))
    (tmp_path / "network/blue.xml").write_text("")

    assert found.states() == {"dnsmasq of network blue": "ended"}


def test_the_drivers_own_pid_file_is_no_network(found: Daemons, tmp_path: Path) -> None:
    (tmp_path / "network/driver.pid").write_text("1")

    assert found.states() == {}
