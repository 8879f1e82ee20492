"""Round-trip times: the command line, recorded outputs, and the real program."""

from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.measure.ping import parse_ping, ping, ping_argv

SAMPLES = sorted((Path(__file__).parent.parent / "data/ping").glob("*.txt"))


def sample(name: str) -> str:
    return next(path for path in SAMPLES if path.stem == name).read_text()


def test_every_answer_is_read_in_order() -> None:
    output = parse_ping(sample("answered"))

    assert output.rtt_ms[:4] == (0.082, 0.047, 0.046, 0.047)
    assert (output.transmitted, len(output.rtt_ms), output.lost) == (21, 21, ())


def test_requests_for_warmup_are_not_counted() -> None:
    output = parse_ping(sample("answered"), warmup=1)

    assert output.rtt_ms[:3] == (0.047, 0.046, 0.047)
    assert (output.transmitted, len(output.rtt_ms)) == (20, 20)


def test_timestamps_change_nothing() -> None:
    assert parse_ping(sample("timestamps")).rtt_ms == (0.019, 0.047, 0.047, 0.046, 0.047)


def test_ipv6_is_read() -> None:
    assert parse_ping(sample("ipv6")).rtt_ms == (0.064, 0.050, 0.050, 0.069, 0.059)


@pytest.mark.parametrize(("name", "lost"), [("loss", (3, 7, 11, 15, 19)), ("loss-timestamps", (2, 6))])
def test_lost_requests_are_named(name: str, lost: tuple[int, ...]) -> None:
    output = parse_ping(sample(name))

    assert output.lost == lost
    assert len(output.rtt_ms) + len(lost) == output.transmitted


def test_a_request_lost_during_warmup_is_no_loss() -> None:
    assert parse_ping(sample("loss"), warmup=3).lost == (7, 11, 15, 19)


@pytest.mark.parametrize("name", ["link-down", "peer-down"])
def test_a_link_that_goes_down_loses_the_rest(name: str) -> None:
    output = parse_ping(sample(name))

    assert (len(output.rtt_ms), output.lost) == (5, (6, 7, 8, 9, 10, 11, 12))


def test_no_answer_at_all_is_a_result() -> None:
    output = parse_ping(sample("all-lost"))

    assert (output.rtt_ms, output.lost, output.icmp_messages) == ((), (1, 2, 3, 4, 5, 6), ())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unreachable", "Destination Host Unreachable (from 10.9.0.1)"),
        ("filtered", "Packet filtered (from 10.9.0.2)"),
    ],
)
def test_other_icmp_messages_are_kept_once(name: str, message: str) -> None:
    output = parse_ping(sample(name))

    assert output.icmp_messages == (message,)
    assert len(output.lost) == 6


def test_duplicates_are_counted_apart() -> None:
    output = parse_ping(sample("duplicates"))

    assert (len(output.rtt_ms), output.duplicates, output.lost) == (10, 4, ())
    assert output.rtt_ms[1] == 0.054


@pytest.mark.parametrize("name", ["no-route", "unknown-host", "bad-option"])
def test_output_without_a_summary_is_refused(name: str) -> None:
    with pytest.raises(MeasurementError, match="no summary") as caught:
        parse_ping(sample(name))

    assert caught.value.output == sample(name)


def test_answers_without_times_are_refused() -> None:
    with pytest.raises(MeasurementError, match="3 requests were answered, its lines show 0"):
        parse_ping(sample("too-short"))


def test_a_cut_output_is_refused() -> None:
    cut = sample("answered").replace("icmp_seq=7 ttl=64 time=0.046 ms", "icmp_seq=7")

    with pytest.raises(MeasurementError, match="21 requests were answered, its lines show 20"):
        parse_ping(cut)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_read_or_refused(path: Path) -> None:
    try:
        output = parse_ping(path.read_text())
    except MeasurementError:
        assert path.stem in {"no-route", "unknown-host", "bad-option", "too-short"}
    else:
        assert len(output.rtt_ms) + len(output.lost) == output.transmitted


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 100000},
        {"interval_s": 0.001},
        {"size_bytes": 8},
        {"size_bytes": 70000},
        {"warmup": -1},
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_runs(
    wrong: dict[str, int], nobody: object
) -> None:
    with pytest.raises(SpecError, match=next(iter(wrong))):
        ping(nobody, "10.9.0.2", **wrong)  # type: ignore[arg-type]


@pytest.fixture
def nobody() -> object:
    """Something that fails when it is asked to run."""
    return object()


def test_the_command_line_is_that_of_iputils() -> None:
    line = ping_argv("fe80::1%eth0", count=3, interval_s=0.002, size_bytes=1400)

    assert " ".join(line) == "ping -n -O -c 3 -i 0.002 -s 1400 -W 2 fe80::1%eth0"


@pytest.mark.host
def test_a_host_on_a_cable_answers(cable: tuple[LocalRunner, LocalRunner]) -> None:
    result = ping(cable[0], "10.9.0.2", count=5, interval_s=0.01)

    assert (result.transmitted, result.received, result.loss) == (5, 5, 0.0)
    assert result.method == "ping -n -O -c 6 -i 0.01 -s 56 -W 2 10.9.0.2; first 1 not counted (warm-up)"
    assert (result.source, result.target, result.accelerator) == ("near", "10.9.0.2", "")


@pytest.mark.host
def test_nobody_on_the_cable_is_a_loss_of_all(cable: tuple[LocalRunner, LocalRunner]) -> None:
    result = ping(cable[0], "10.9.0.77", count=2, interval_s=0.01)

    assert (result.loss, result.rtt_ms, result.median_ms) == (1.0, (), None)


@pytest.mark.host
def test_a_missing_route_is_an_error_with_a_hint(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(MeasurementError, match=r"near to 203\.0\.113\.9 .*Network is unreachable") as caught:
        ping(cable[0], "203.0.113.9", count=1)

    assert "ip route" in caught.value.hint
    assert "Network is unreachable" in caught.value.output


@pytest.mark.host
def test_an_unknown_name_is_an_error_with_a_hint(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(MeasurementError, match="no-such-host") as caught:
        ping(cable[0], "no-such-host.invalid", count=1)

    assert "address" in caught.value.hint
