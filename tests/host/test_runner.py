"""Commands on the hosts of a lab: where they run, how they end, and what becomes of them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import CommandError, CommandTimeout, LabError
from kvmlab.host import runner, world

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("runner", progress=Silent()) as lab:
        yield lab


def ends(lab: kl.Lab, command: str) -> bool:
    """Whether PID 1 has reaped all processes of that command within some seconds."""
    deadline = time.monotonic() + 10
    while command in lab.host.run(["ps", "-e", "-o", "comm"]).stdout:
        if time.monotonic() > deadline:
            return False
    return True


def test_each_host_has_a_network_namespace_of_its_own(lab: kl.Lab) -> None:
    hosts = runner.runners(lab.path)

    seen = {host: hosts[host].run(["readlink", "/proc/self/ns/net"]).stdout for host in world.HOSTS}

    assert len(set(seen.values())) == len(world.HOSTS)


def test_a_command_runs_as_root_of_the_lab(lab: kl.Lab) -> None:
    assert lab.host.run(["id", "-u"]).stdout == "0\n"


def test_input_output_and_status_are_passed_on(lab: kl.Lab) -> None:
    done = lab.pc.run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin="in", check=False)

    assert (done.stdout, done.stderr, done.returncode) == ("in", "err\n", 3)
    with pytest.raises(CommandError):
        lab.pc.run(["false"])


def test_a_missing_program_is_a_failed_command(lab: kl.Lab) -> None:
    done = lab.host.run(["no-such-program"], check=False)

    assert done.returncode == 127
    assert "no-such-program" in done.stderr


def test_a_command_that_takes_too_long_is_ended_inside_the_lab(lab: kl.Lab) -> None:
    with pytest.raises(CommandTimeout):
        lab.host.run(["sleep", "77"], timeout_s=0.3)

    assert ends(lab, "sleep")


def test_lines_come_as_they_are_printed(lab: kl.Lab) -> None:
    lines = lab.router.stream(["sh", "-c", "echo one; sleep 30"])

    assert next(lines) == "one"

    lines.close()  # type: ignore[attr-defined]
    assert ends(lab, "sleep")


def test_a_lab_that_does_not_run_has_no_hosts(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="is not running"):
        runner.runners(tmp_path / "nobody")
