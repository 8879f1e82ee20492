"""Request and answer: recorded outputs of sockperf, and the real program."""

from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.measure.ports import listening, wait_for
from kvmlab.measure.requests import parse_requests, request_response

SAMPLES = Path(__file__).parent.parent / "data/sockperf"
FAR = "10.9.0.2"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.txt").read_text()


def test_percentiles_are_read_in_milliseconds() -> None:
    found = parse_requests(sample("answered"))

    text = sample("answered")
    assert f"percentile 50.000 = {1000 * found.percentiles_ms[50.0]:8.3f}" in text
    assert f"<MAX> observation = {1000 * found.percentiles_ms[100.0]:8.3f}" in text
    assert list(found.percentiles_ms) == sorted(found.percentiles_ms)
    assert f"ReceivedMessages={found.requests}\n" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("refused", "Connection refused"),
        ("server-ended", "closed by a peer"),
        ("unknown-host", "Invalid address"),
        ("no-observations", "No valid observations"),
    ],
)
def test_a_failed_run_says_why(name: str, message: str) -> None:
    with pytest.raises(MeasurementError, match=message) as caught:
        parse_requests(sample(name), between="sockperf from vm1 to vm2")

    assert "from vm1 to vm2" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "sockperf: [Valid Duration] RunTime=1.5 sec; SentMessages=1; ReceivedMessages=1"]
)
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(MeasurementError):
        parse_requests(text)


@pytest.mark.parametrize("wrong", [{"duration_s": 1}, {"message_bytes": 13}, {"port": 0}])
def test_an_argument_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SpecError):
        request_response(LocalRunner(), FAR, **wrong)


@pytest.mark.host
def test_requests_are_answered_and_the_server_ends(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable

    result = request_response(near, FAR, server=far)

    assert result.requests_per_s > 0
    assert 0 < result.percentiles_ms[0.0] <= result.median_ms <= result.p99_ms <= result.percentiles_ms[100.0]
    wait_for(lambda: 11111 not in listening(far), "the server still listens")


@pytest.mark.host
def test_without_a_server_nothing_is_measured(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(MeasurementError, match="Connection refused") as caught:
        request_response(cable[0], FAR)

    assert "server=" in caught.value.hint
