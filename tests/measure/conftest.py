"""Two hosts joined by a cable: network namespaces with a veth pair."""

import subprocess
from collections.abc import Iterator

import pytest

from kvmlab._run import LocalRunner

#: Says when the namespaces are made, then keeps them until its input ends.
_KEEPER = ["sh", "-c", "echo ready; exec cat"]


def keep(runner: LocalRunner, *unshare: str) -> "subprocess.Popen[bytes]":
    """Start a process that holds new namespaces."""
    line = ["unshare", *unshare, *_KEEPER]
    process = runner.popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def release(process: "subprocess.Popen[bytes]") -> None:
    process.communicate(timeout=5)


def inside(name: str, pid: int) -> LocalRunner:
    return LocalRunner(name, ("nsenter", "-t", str(pid), "-U", "-n", "--preserve-credentials"))


@pytest.fixture
def cable() -> Iterator[tuple[LocalRunner, LocalRunner]]:
    """Yield the hosts ``near`` (10.9.0.1) and ``far`` (10.9.0.2)."""
    near_process = keep(LocalRunner(), "--user", "--map-root-user", "--net")
    near = inside("near", near_process.pid)
    same_user = LocalRunner("user", ("nsenter", "-t", str(near_process.pid), "-U", "--preserve-credentials"))
    far_process = keep(same_user, "--net")
    far = inside("far", far_process.pid)
    peer = ["type", "veth", "peer", "name", "cable", "netns", str(far_process.pid)]
    near.run(["ip", "link", "add", "cable", *peer])
    for runner, address in ((near, "10.9.0.1/24"), (far, "10.9.0.2/24")):
        runner.run(["ip", "address", "add", address, "dev", "cable"])
        runner.run(["ip", "link", "set", "cable", "up"])
        runner.run(["ip", "link", "set", "lo", "up"])

    yield near, far

    release(far_process)
    release(near_process)
