"""A lab from start to end: its names, its libvirt, who may use it, and how it ends."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import libvirt
import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import HostError, LabError, SpecError
from lab.conftest import SUBNET, add_network, start
from lab.watching import namespaces_held, processes_of, wait_for

pytestmark = pytest.mark.host

#: A domain that needs no guest image: it would boot its firmware.
EMPTY_DOMAIN = """
<domain type="qemu">
  <name>{name}</name><memory unit="MiB">64</memory>
  <os><type machine="q35">hvm</type></os>
</domain>
"""

KVMLAB = [sys.executable, "-c", "from kvmlab.cli import main; main()"]


def run(*argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, capture_output=True, text=True, check=False)


# ------------------------------------------------------------------ its libvirt


def test_virsh_from_outside_lists_the_domains_of_a_lab(world: kl.Lab) -> None:
    world.vir.defineXML(EMPTY_DOMAIN.format(name="seen"))

    done = run("virsh", "-c", world.uri, "list", "--all", "--name")
    world.domain("seen").undefine()

    assert done.stdout.split() == ["seen"]


def test_a_client_of_the_users_own_defines_and_starts_a_domain(world: kl.Lab, tmp_path: Path) -> None:
    description = tmp_path / "own.xml"
    description.write_text(EMPTY_DOMAIN.format(name="own"))

    for words in (["define", str(description)], ["start", "own", "--paused"]):
        done = run("virsh", "-c", world.uri, *words)
        assert done.returncode == 0, done.stderr
    state = world.domain("own").state
    world.domain("own").destroy()
    world.domain("own").undefine()

    assert state == "paused"


def test_a_read_only_client_may_look_but_not_touch(world: kl.Lab) -> None:
    connection = libvirt.openReadOnly(world.uri.replace("libvirt-sock", "libvirt-sock-ro"))

    assert [network.name() for network in connection.listAllNetworks()] == ["blue"]
    with pytest.raises(libvirt.libvirtError, match="read only"):
        connection.defineXML(EMPTY_DOMAIN.format(name="refused"))
    connection.close()


def test_virsh_on_the_host_of_a_lab_uses_that_lab(world: kl.Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "test:///default")

    done = world.host.run(["virsh", "net-list", "--name"])

    assert done.stdout.split() == ["blue"]


def test_nothing_that_points_to_the_users_machine_is_in_the_environment(
    world: kl.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    monkeypatch.setenv("KVMLAB_HARMLESS", "yes")

    names = {line.split("=")[0] for line in world.host.run(["env"]).stdout.splitlines()}

    assert names & {"http_proxy", "SSH_AUTH_SOCK", "KVMLAB_HARMLESS"} == {"KVMLAB_HARMLESS"}


# ------------------------------------------------------------------ several labs


def test_labs_with_equal_subnets_do_not_know_of_each_other(world: kl.Lab, neighbour: kl.Lab) -> None:
    for lab in (world, neighbour):
        (network,) = lab.networks()
        assert (network.name, network.is_active) == ("blue", True)
        assert lab.network_state(["host"])["host"].addresses_of("virbr-blue")[0].cidr == "192.168.50.1/24"

    others = world.host.run(["ip", "-brief", "neighbour"]).stdout + world.host.run(["ps", "-ef"]).stdout

    assert "neighbour" not in others
    with namespaces_held(world.path) as own, namespaces_held(neighbour.path) as other:
        assert own.names & other.names == set()


def test_what_is_done_in_one_lab_is_not_done_in_another(world: kl.Lab, neighbour: kl.Lab) -> None:
    world.host.run(["ip", "link", "add", "only0", "type", "bridge"])
    try:
        in_other = neighbour.network_state(["host"])["host"].link("only0")
    finally:
        world.host.run(["ip", "link", "delete", "only0"])

    assert in_other is None


def test_a_name_in_use_is_refused(world: kl.Lab) -> None:
    with pytest.raises(LabError, match="a lab named 'world' runs already") as caught:
        start("world")

    assert "Lab.attach('world')" in caught.value.hint
    assert "kvmlab down world" in caught.value.hint
    assert world.daemons()  # it was left alone


@pytest.mark.parametrize("name", ["", "Lab", "a b", "../up", "-a", "a" * 33, "lab\n"])
def test_a_name_that_no_lab_can_have_is_refused(name: str) -> None:
    for action in (start, kl.Lab.attach):
        with pytest.raises(SpecError, match="is not allowed"):
            action(name)


def test_of_two_that_start_the_same_name_at_the_same_moment_one_wins() -> None:
    script = """
import sys, kvmlab as kl
kl.Lab
print("ready", flush=True)
sys.stdin.readline()
kl.Lab.start("race")
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    racers = [subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) for _ in range(2)]
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 2

    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    errors = [racer.communicate()[1] for racer in racers]

    assert sorted(racer.returncode for racer in racers) == [0, 1], errors
    assert "a lab named 'race' runs already" in "".join(errors)
    lab = kl.Lab.attach("race")
    assert {daemon.state for daemon in lab.daemons()} == {"running"}
    lab.stop()


def test_a_lab_knows_its_own_name_without_asking_anybody(world: kl.Lab) -> None:
    done = world.host.run(["getent", "hosts", "world"])

    assert done.stdout.split() == ["192.168.1.10", "world"]
    assert world.vir.getHostname() == "world"


# ------------------------------------------------------------------ where it is kept


def test_a_state_directory_of_any_name_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="kv &c=%41?#") as odd:
        monkeypatch.setenv("KVMLAB_STATE_DIR", odd)
        with start("odd") as lab:
            add_network(lab)
            done = run("virsh", "-c", lab.uri, "net-list", "--name")

    assert done.stdout.split() == ["blue"], done.stderr


def test_a_relative_state_directory_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KVMLAB_STATE_DIR", "state")

    found = kl.list_labs()

    assert list(found) == []


def test_a_state_directory_with_too_long_a_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMLAB_STATE_DIR", str(tmp_path / ("x" * 90)))

    with pytest.raises(LabError, match="the kernel allows 107") as caught:
        start("long")

    assert "KVMLAB_STATE_DIR" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "shown"), [("STATE", "/dev/shm/x", "/dev/shm"), ("CACHE", "/run/x", "/run")]
)
def test_a_directory_that_a_lab_would_hide_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, shown: str
) -> None:
    monkeypatch.setenv(f"KVMLAB_{variable}_DIR", value)

    with pytest.raises(HostError, match=f"a lab has a {shown} of its own") as caught:
        start("hidden")

    assert f"KVMLAB_{variable}_DIR" in caught.value.hint


def test_a_state_directory_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # not below pytest's own folder: its path may be too long for a lab, which is said first
    monkeypatch.setenv("KVMLAB_STATE_DIR", "/etc/passwd")

    with pytest.raises(HostError, match="cannot make the directory of lab 'nowhere'") as caught:
        start("nowhere")

    assert "KVMLAB_STATE_DIR" in caught.value.hint


def test_only_its_owner_can_enter_a_labs_directory(world: kl.Lab) -> None:
    assert world.path.stat().st_mode & 0o077 == 0


# ------------------------------------------------------------------ attach and end


def test_a_ready_lab_survives_whoever_started_it() -> None:
    script = "import os, kvmlab as kl; kl.Lab.start('orphan'); os.kill(os.getpid(), 9)"
    done = run(sys.executable, "-c", script)
    assert done.returncode == -signal.SIGKILL, done.stderr

    lab = kl.Lab.attach("orphan")

    assert {daemon.state for daemon in lab.daemons()} == {"running"}
    assert lab.host.run(["ping", "-c", "1", "-W", "5", "8.8.8.8"]).returncode == 0
    lab.stop()
    assert processes_of(lab.path) == {}


def test_attaching_to_no_lab_says_how_to_start_it() -> None:
    with pytest.raises(LabError, match="lab 'nobody' is not running") as caught:
        kl.Lab.attach("nobody")

    assert "kvmlab up nobody" in caught.value.hint


def test_a_lab_is_gone_as_soon_as_stop_returns() -> None:
    lab = start("gone")
    add_network(lab)
    with namespaces_held(lab.path) as namespaces:
        assert namespaces.holders() != []

        lab.stop()

        assert processes_of(lab.path) == {}
        assert namespaces.holders() == []
        assert not lab.path.exists()


def test_a_with_block_ends_its_lab_also_when_it_fails() -> None:
    with pytest.raises(ZeroDivisionError), start("block") as lab:
        raise ZeroDivisionError

    assert processes_of(lab.path) == {}


def test_a_lab_that_was_stopped_in_its_with_block_needs_no_second_stop() -> None:
    with start("early") as lab:
        lab.stop()

    assert processes_of(lab.path) == {}


def test_stopping_twice_is_refused() -> None:
    with start("twice") as lab:
        lab.stop()

        with pytest.raises(LabError, match="lab 'twice' is not running"):
            lab.stop()


def test_a_lab_that_ended_runs_no_commands() -> None:
    with start("ended") as lab:
        lab.stop()

        for action in (lambda: lab.host.run(["true"]), lab.daemons, lab.network_state):
            with pytest.raises(LabError, match="lab 'ended' is not running"):
                action()


def test_down_ends_a_lab() -> None:
    lab = start("down")

    done = run(*KVMLAB, "down", "down")

    assert done.returncode == 0, done.stderr
    assert processes_of(lab.path) == {}


def test_one_lab_can_take_the_place_of_another_by_its_name() -> None:
    first = start("again")
    with namespaces_held(first.path) as namespaces:
        second = kl.Lab.start("again", replace=True, progress=Silent())

        assert namespaces.holders() == []
        assert {daemon.state for daemon in second.daemons()} == {"running"}
    second.stop()


def test_terminating_pid_1_ends_a_lab() -> None:
    with start("term") as lab, namespaces_held(lab.path) as namespaces:
        (inside,) = [pid for pid, line in processes_of(lab.path).items() if is_pid_1(pid, line)]

        os.kill(inside, signal.SIGTERM)

        assert wait_for(lambda: not namespaces.holders())


def is_pid_1(pid: int, line: str) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "kvmlab.host.init" in line and any(
        row.startswith("NSpid:") and row.split()[-1] == "1" for row in status.splitlines()
    )


# ------------------------------------------------------------------ the same every time


def test_a_network_is_the_same_in_a_lab_of_the_same_name() -> None:
    seen = []
    for _ in range(2):
        with start("same") as lab:
            network = lab.define(kl.NetworkSpec(name="blue", subnet=SUBNET, forward="nat")).start()
            bridge = lab.network_state(["host"])["host"].link("virbr-blue")
            assert bridge is not None
            seen.append((network.vir.UUIDString(), bridge.mac, network.xml()))

    assert seen[0] == seen[1]
    assert f"<mac address='{seen[0][1]}'/>" in seen[0][2]


def test_the_world_of_every_lab_looks_the_same(world: kl.Lab, neighbour: kl.Lab) -> None:
    def shown(lab: kl.Lab) -> list[tuple[str, str, str]]:
        states = lab.network_state(["switch", "router", "pc", "internet"])
        return [(host, link.name, link.mac) for host, state in states.items() for link in state.links]

    assert shown(world) == shown(neighbour)
