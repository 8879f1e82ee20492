"""Typing on a guest's serial console."""

from collections.abc import Iterator

import pytest

from kvmlab._progress import Silent
from kvmlab.bench.console import SerialConsole
from kvmlab.bench.throughput import by_hand_mbit_s
from kvmlab.errors import CommandTimeout, GuestError, MeasurementError
from tests.bench.conftest import Scene

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def console(stage: Scene) -> Iterator[SerialConsole]:
    stage.guest.start(progress=Silent()).wait_until_ready()
    with SerialConsole(stage.lab.uri, stage.guest.name) as console:
        yield console
    stage.guest.destroy()


def test_what_a_command_prints_is_returned(console: SerialConsole) -> None:
    assert "Linux vm1" in console.run("uname -sn", timeout_s=30)


def test_a_command_that_goes_on_is_ended_and_an_error(console: SerialConsole) -> None:
    with pytest.raises(CommandTimeout, match="sleep 600"):
        console.run("sleep 600", timeout_s=0.2)

    assert "still of use" in console.run("echo still of use", timeout_s=30)


def test_a_run_of_iperf3_that_failed_gives_no_figure(console: SerialConsole) -> None:
    with pytest.raises(MeasurementError, match="no iperf3 server listens there"):
        by_hand_mbit_s(console, "iperf3 --client 192.168.1.20 --port 9 --time 1 --json")


def test_a_guest_that_does_not_run_has_no_console(stage: Scene) -> None:
    with pytest.raises(GuestError, match="console"):
        SerialConsole(stage.lab.uri, "nosuch")
