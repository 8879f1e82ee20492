"""Whatever ends a process of a lab, or its start, nothing is left and a lab beside it does not notice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab.errors import DaemonError, LabError
from kvmlab.host import client
from kvmlab.lab import lab_dir
from lab.conftest import add_network, start
from lab.test_lab import EMPTY_DOMAIN
from lab.watching import namespaces_held, nothing_is_left, processes_of, wait_for

pytestmark = pytest.mark.host

# ------------------------------------------------------------------ kill -9 of any process

#: Daemons of a lab: their name, a part of their command line, and the host that they run on.
DAEMONS = [
    ("libvirtd", "libvirtd", "host"),
    ("router dnsmasq", "dnsmasq", "router"),
    ("internet dnsmasq", "dnsmasq", "internet"),
    ("pc iperf3", "iperf3", "pc"),
    ("internet iperf3", "iperf3", "internet"),
    ("pc http", "kvmlab.host.init", "pc"),
    ("internet http", "kvmlab.host.init", "internet"),
    ("dnsmasq of network blue", "blue.conf", "host"),
]


def find(lab: kl.Lab, part: str, host: str) -> list[int]:
    """Processes of a lab on one of its hosts, the oldest first."""
    inside = getattr(lab, host).run(["readlink", "/proc/self/ns/net"]).stdout.strip()
    found = [
        pid
        for pid, line in sorted(processes_of(lab.path).items())
        if part in line and str(Path(f"/proc/{pid}/ns/net").readlink()) == inside
    ]
    assert found, f"no {part} on {host}"
    return found


def state_of(lab: kl.Lab, daemon: str) -> str:
    return next(row.state for row in lab.daemons() if row.name == daemon)


def info(lab: kl.Lab) -> str:
    return next(row.state for row in kl.list_labs() if row.name == lab.name)


@pytest.fixture
def victim() -> Iterator[kl.Lab]:
    lab = start("victim")
    add_network(lab)

    yield lab

    if lab.path.exists():
        lab.stop()


@pytest.mark.parametrize("which", ["outermost", "PID 1"])
def test_with_its_outermost_process_or_pid_1_a_lab_is_gone(
    victim: kl.Lab, neighbour: kl.Lab, which: str
) -> None:
    inside = client.init_pid(victim.path)
    pid = inside if which == "PID 1" else client.outer_pid(inside)
    with namespaces_held(victim.path) as namespaces, nothing_is_left(victim.path, neighbour):
        os.kill(pid, signal.SIGKILL)

        assert wait_for(lambda: not namespaces.holders())
        with pytest.raises(LabError, match="lab 'victim' is not running"):
            victim.stop()


@pytest.mark.parametrize(("daemon", "part", "host"), DAEMONS, ids=[name for name, _, _ in DAEMONS])
def test_a_lab_without_one_of_its_daemons_is_degraded(
    victim: kl.Lab, neighbour: kl.Lab, daemon: str, part: str, host: str
) -> None:
    with nothing_is_left(victim.path, neighbour):
        assert info(victim) == "running"

        os.kill(find(victim, part, host)[0], signal.SIGKILL)

        assert wait_for(lambda: info(victim) == "degraded")
        assert state_of(victim, daemon) in ("killed by signal 9", "ended")
        victim.stop()
        assert processes_of(victim.path) == {}


def test_a_networks_dnsmasq_without_its_helper_is_noticed(victim: kl.Lab) -> None:
    _server, helper = find(victim, "blue.conf", "host")

    os.kill(helper, signal.SIGKILL)

    assert wait_for(lambda: info(victim) == "degraded")
    assert "without its helper" in state_of(victim, "dnsmasq of network blue")


def test_without_libvirtd_every_call_says_so(victim: kl.Lab) -> None:
    network = victim.network("blue")
    os.kill(find(victim, "libvirtd", "host")[0], signal.SIGKILL)
    assert wait_for(lambda: info(victim) == "degraded")

    for call in (network.xml, network.leases, victim.networks, victim.domains):
        with pytest.raises(DaemonError, match="libvirtd") as caught:
            call()
        assert "kvmlab down" in caught.value.hint


def test_a_domain_without_its_qemu_is_shut_off(victim: kl.Lab, neighbour: kl.Lab) -> None:
    victim.vir.defineXML(EMPTY_DOMAIN.format(name="vm1")).create()
    domain = victim.domain("vm1")
    with nothing_is_left(victim.path, neighbour):
        os.kill(find(victim, "guest=vm1", "host")[0], signal.SIGKILL)

        assert wait_for(lambda: domain.state == "shut off")
        assert info(victim) == "running"
        victim.stop()


def test_orphans_are_reaped(victim: kl.Lab) -> None:
    victim.host.run(["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do setsid --fork sleep 0.1; done"])

    def left() -> str:
        return victim.host.run(["ps", "-e", "--no-headers", "-o", "stat,comm"]).stdout

    assert wait_for(lambda: "sleep" not in left())
    assert "Z" not in left()


# ------------------------------------------------------------------ the start is interrupted

#: Starts a lab and says each step; says how it ended, and stays until its input ends.
STARTER = """
import sys
import kvmlab as kl

class Said:
    def step(self, text, *, done=None):
        print(text, flush=True)

try:
    kl.Lab.start("half", progress=Said())
    print("ready", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.read()
"""

STEPS = [
    "preparing its directory",
    "mounting the lab's own file systems",
    "starting libvirtd",
    "building the LAN and the internet",
    "starting the servers of the world",
    "waiting for the servers and libvirtd",
    "connecting to libvirtd",
]


@pytest.fixture
def starter() -> Iterator["subprocess.Popen[str]"]:
    line = [sys.executable, "-c", STARTER]
    env = {**os.environ, "KVMLAB_ACCELERATOR": "tcg"}  # no step more or less, whatever is in the cache
    process = subprocess.Popen(line, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    yield process

    process.kill()
    process.communicate()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def read_until(process: "subprocess.Popen[str]", line: str) -> None:
    while (text := said(process)) != line:
        assert text, f"{line!r} was never said"


def test_the_steps_of_a_start_are_these(starter: "subprocess.Popen[str]") -> None:
    lines = [said(starter) for _ in range(len(STEPS) + 1)]
    kl.Lab.attach("half").stop()

    assert lines == [*STEPS, "ready"]


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_start_leaves_nothing(
    starter: "subprocess.Popen[str]", neighbour: kl.Lab, step: str
) -> None:
    with nothing_is_left(lab_dir("half"), neighbour):
        read_until(starter, step)

        starter.send_signal(signal.SIGINT)
        read_until(starter, "interrupted")

        assert processes_of(lab_dir("half")) == {}
        assert not lab_dir("half").exists()


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_half_made_lab_ends_with_its_starter(
    starter: "subprocess.Popen[str]", neighbour: kl.Lab, step: str
) -> None:
    with nothing_is_left(lab_dir("half"), neighbour):
        read_until(starter, step)

        starter.kill()
        starter.wait()


def test_a_half_made_lab_can_be_listed_and_ended_but_not_used(starter: "subprocess.Popen[str]") -> None:
    read_until(starter, "starting libvirtd")
    inside = client.any_init_pid(lab_dir("half"))
    outer = client.outer_pid(inside)
    os.kill(inside, signal.SIGSTOP)  # it stays half-made

    (row,) = [row for row in kl.list_labs() if row.name == "half"]
    with pytest.raises(LabError, match="lab 'half' is still starting"):
        kl.Lab.attach("half")
    done = subprocess.run(
        [sys.executable, "-c", "from kvmlab.cli import main; main()", "down", "half"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (row.state, row.pid) == ("starting", outer)
    assert done.returncode == 0, done.stderr
    assert processes_of(lab_dir("half")) == {}
