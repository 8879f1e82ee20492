"""A server of iperf3 for one client ends by itself."""

import time

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError
from kvmlab.measure import iperf3_server, ports
from kvmlab.measure.iperf3_server import start_server
from kvmlab.measure.ports import free_port


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers end soon, so that none outlives its test for long."""
    monkeypatch.setattr(iperf3_server, "SILENCE_BOUND_S", 1)


@pytest.mark.host
def test_a_port_is_free_until_a_server_listens(cable: tuple[LocalRunner, LocalRunner]) -> None:
    _, far = cable
    before = free_port(far, 5201)
    start_server(far, before)

    assert (before, free_port(far, 5201)) == (5201, 5202)


@pytest.mark.host
def test_a_port_that_stays_in_use_is_an_error(
    cable: tuple[LocalRunner, LocalRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, far = cable
    monkeypatch.setattr(ports, "SERVER_BOUND_S", 0.1)
    start_server(far, 5201)

    with pytest.raises(MeasurementError, match="TCP port 5201 on far is in use"):
        start_server(far, 5201)


@pytest.mark.host
def test_a_server_without_a_client_ends(cable: tuple[LocalRunner, LocalRunner]) -> None:
    _, far = cable
    start_server(far, 5201)

    deadline = time.monotonic() + 10
    while free_port(far, 5201) != 5201:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.host
@pytest.mark.parametrize("direction", [[], ["--reverse"]])
def test_a_server_whose_client_falls_silent_ends(
    cable: tuple[LocalRunner, LocalRunner], direction: list[str]
) -> None:
    near, far = cable
    start_server(far, 5201)
    client = near.popen(
        ["iperf3", "--client", "10.9.0.2", "--time", "60", "--logfile", "/dev/null", *direction]
    )
    deadline = time.monotonic() + 10
    while near.run(["ss", "-tnH", "state", "established"]).stdout.count(":5201") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    far.run(["ip", "link", "set", "cable", "down"])
    client.kill()
    client.wait()

    while free_port(far, 5201) != 5201:  # a sender of iperf 3.18 gives up after 100 s
        assert time.monotonic() < deadline + 120
        time.sleep(0.1)
