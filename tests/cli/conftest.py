"""The real command, run as a person or a script runs it, and labs to run it on."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import kvmlab as kl
from kvmlab._progress import Silent

COMMAND = str(Path(sys.executable).parent / "kvmlab")

#: Runs ``kvmlab`` to its end: arguments, input, further environment.
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run_kvmlab(
    *arguments: str, stdin: str = "", timeout_s: float = 120, **env: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [COMMAND, *arguments],
        input=stdin,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture
def kvmlab() -> Run:
    return run_kvmlab


@pytest.fixture(scope="package")
def lab() -> Iterator[kl.Lab]:
    """A lab with a network; tests leave it running."""
    with kl.Lab.start("cli", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        yield lab


@pytest.fixture(scope="package")
def guest(lab: kl.Lab) -> str:
    """Name of a guest that runs and has an address; beside it one is defined that does not run."""
    nic = kl.InterfaceSpec(network="blue")
    lab.define(kl.DomainSpec(name="asleep", interfaces=(nic,)))
    awake = lab.define(kl.DomainSpec(name="awake", interfaces=(nic,)))
    awake.start(progress=Silent()).wait_until_ready()
    return awake.name
