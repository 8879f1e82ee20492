"""Connections: recorded outputs of iperf 2, and the real program."""

from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.measure.connects import connects, parse_connects
from kvmlab.measure.ports import listening, wait_for

SAMPLES = Path(__file__).parent.parent / "data/iperf"
FAR = "10.9.0.2"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.txt").read_text()


def test_each_handshake_has_its_time() -> None:
    found = parse_connects(sample("answered"), count=20)

    assert len(found.connect_ms) == 20
    assert (min(found.connect_ms), max(found.connect_ms), found.elapsed_s) == (4.93, 128.88, 1.537)


def test_of_a_program_that_opens_more_than_asked_for_the_first_count() -> None:
    found = parse_connects(sample("answered-2.2"), count=5)

    assert found.connect_ms == (0.06, 0.11, 0.09, 0.07, 0.08)
    assert found.elapsed_s == pytest.approx(0.40006)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("refused-2.2", "connections failed: Connection refused"),
        ("refused", "3 of 3 connections failed: Connection refused"),
        ("no-route", "Network is unreachable"),
        ("unknown-host", "0 of 3 connections and said: nosuch.example: Unknown host"),
    ],
)
def test_a_failed_run_says_why(name: str, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        parse_connects(sample(name), count=3)


def test_a_run_with_fewer_connections_than_asked_for_is_refused() -> None:
    with pytest.raises(MeasurementError, match="opened 20 of 21"):
        parse_connects(sample("answered"), count=21)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"port": 70000}])
def test_an_argument_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SpecError):
        connects(LocalRunner(), FAR, **wrong)


@pytest.mark.host
def test_connections_are_opened_and_the_server_ends(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable

    result = connects(near, FAR, server=far, count=50)

    assert len(result.connect_ms) == 50
    assert result.connects_per_s > 0
    wait_for(lambda: 5001 not in listening(far), "the server still listens")


@pytest.mark.host
def test_without_a_server_nothing_is_measured(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(MeasurementError, match="refused") as caught:
        connects(cable[0], FAR, count=2)

    assert "server=" in caught.value.hint
