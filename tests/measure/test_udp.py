"""UDP: command lines, recorded outputs, and the real program."""

from pathlib import Path

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import MeasurementError, SpecError
from kvmlab.measure.udp import UdpLoad, packet_rates, parse_udp, udp

SAMPLES = Path(__file__).parent.parent / "data/iperf3-udp"
FAR = "10.9.0.2"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def test_a_run_without_loss_is_read() -> None:
    run = parse_udp(sample("forward.json"))

    assert (run.direction, run.sent_packets, run.received_packets, run.loss) == ("forward", 1723, 1723, 0)
    assert run.offered_mbit_s == pytest.approx(19.919, abs=0.001)
    assert run.received_mbit_s == pytest.approx(19.626, abs=0.001)
    assert run.jitter_ms == pytest.approx(0.6026, abs=0.0001)


def test_what_did_not_arrive_is_lost_also_at_the_end_of_a_run() -> None:
    run = parse_udp(sample("reverse-loss.json"))

    assert (run.direction, run.sent_packets, run.received_packets) == ("reverse", 44929, 7928)
    assert run.loss == pytest.approx(1 - 7928 / 44929)


def test_small_packets_are_counted_per_second() -> None:
    run = parse_udp(sample("small.json"))

    assert (run.payload_bytes, run.frame_bytes) == (18, 64)
    assert run.received_packets_per_s == pytest.approx(16319 / 1.015207)


def test_a_run_of_which_nothing_arrived_is_no_result_though_iperf3_speaks_of_no_loss() -> None:
    assert '"lost_packets":\t0' in sample("none-arrived.json")

    with pytest.raises(MeasurementError, match="of 861 datagrams none arrived"):
        parse_udp(sample("none-arrived.json"))


@pytest.mark.parametrize("name", ["refused.json", "too-short.txt"])
def test_no_figure_comes_from_a_failed_run(name: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        parse_udp(sample(name))

    assert caught.value.output == sample(name)


def test_a_report_of_tcp_is_refused() -> None:
    tcp = (SAMPLES.parent / "iperf3/forward.json").read_text()

    with pytest.raises(MeasurementError, match="without 'packets'") as caught:
        parse_udp(tcp)

    assert "UDP" in caught.value.hint


@pytest.mark.parametrize(
    "wrong", [{"payload_bytes": 15}, {"rate_mbit_s": 0}, {"duration_s": 0}, {"duration_s": 1.5}, {"port": 0}]
)
def test_a_load_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SpecError):
        UdpLoad(**wrong)  # type: ignore[arg-type]


def test_no_sizes_are_refused() -> None:
    with pytest.raises(SpecError, match="no sizes"):
        packet_rates(LocalRunner(), FAR, frame_bytes=())


@pytest.mark.host
def test_an_offered_rate_arrives(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable

    result = udp(near, FAR, server=far, rate_mbit_s=10, duration_s=1)

    assert result.runs[0].offered_mbit_s == pytest.approx(10, rel=0.1)
    assert "--udp --bitrate 10000000" in result.method


@pytest.mark.host
def test_each_size_of_frames_is_a_row(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable

    result = packet_rates(near, FAR, server=far, frame_bytes=(512, 64), duration_s=1)

    assert [row.frame_bytes for row in result.rows] == [64, 512]
    assert all(run.received_packets > 0 for run in result.runs)
    assert "received packets (1/s)" in repr(result)
