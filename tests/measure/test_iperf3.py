"""Throughput: command lines, recorded outputs, and the real program."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kvmlab._run import Completed, LocalRunner
from kvmlab.errors import CommandTimeout, MeasurementError, SpecError
from kvmlab.measure.iperf3 import Load, both_directions, client_argv, iperf3, parse_iperf3

SAMPLES = sorted((Path(__file__).parent.parent / "data/iperf3").glob("*.json"))
GOOD = {"forward", "reverse", "streams", "omit"}
FAR = "10.9.0.2"


def sample(name: str) -> str:
    return next(path for path in SAMPLES if path.stem == name).read_text()


def test_a_run_is_read() -> None:
    run = parse_iperf3(sample("forward"))

    assert (run.direction, run.streams, run.retransmits) == ("forward", 1, 0)
    assert run.received_mbit_s == pytest.approx(13588.408, abs=0.001)
    assert run.sent_mbit_s == pytest.approx(13647.048, abs=0.001)
    assert (run.received_bytes, run.duration_s) == (1698955264, 1.000238)


def test_a_reverse_run_counts_what_the_client_received() -> None:
    run = parse_iperf3(sample("reverse"))

    assert (run.direction, run.retransmits, run.received_bytes) == ("reverse", 3468, 1721498896)


def test_streams_are_added_up() -> None:
    run = parse_iperf3(sample("streams"))

    assert (run.streams, run.retransmits) == (3, 4580)
    assert run.received_mbit_s == pytest.approx(16853.506, abs=0.001)


def test_omitted_seconds_are_not_part_of_the_duration() -> None:
    assert parse_iperf3(sample("omit")).duration_s == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES if path.stem not in GOOD))
def test_no_figure_comes_from_a_failed_run(name: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        parse_iperf3(sample(name))

    assert caught.value.output == sample(name)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("refused", "no iperf3 server listens there", "iperf3 --server"),
        ("busy", "server is busy", "server="),
        ("no-answer", "Connection timed out", "ping"),
        ("no-route", "Network is unreachable", "ip route"),
        ("unknown-host", "unable to connect", "resolve"),
        ("server-ended", "the server has terminated", "look there"),
        ("interrupted", "the client has terminated", ""),
    ],
)
def test_a_failed_run_says_why(name: str, message: str, hint: str) -> None:
    with pytest.raises(MeasurementError, match=message) as caught:
        parse_iperf3(sample(name), between="iperf3 from vm1 to vm2 port 5201")

    assert "from vm1 to vm2" in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "iperf3: unrecognized option '--x'\nUsage: …", '{"start": {', "[1]", "{}"]
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(MeasurementError, match="printed"):
        parse_iperf3(text)


def test_a_report_of_udp_is_refused() -> None:
    with pytest.raises(MeasurementError, match="without 'sum_sent'"):
        parse_iperf3(sample("forward").replace("sum_sent", "sum"))


@pytest.mark.parametrize(
    ("load", "options"),
    [
        (Load(), "--time 3 --json"),
        (Load(duration_s=1, omit_s=1), "--time 1 --json --omit 1"),
        (Load(streams=4), "--time 3 --json --parallel 4"),
        (Load(silence_s=5), "--time 3 --json --snd-timeout 5000"),
    ],
)
def test_the_load_becomes_options(load: Load, options: str) -> None:
    line = " ".join(client_argv(FAR, load, port=5202, reverse=False))

    assert line == f"iperf3 --client {FAR} --port 5202 --connect-timeout 5000 {options}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_s": 0},
        {"duration_s": 0.5},
        {"duration_s": 1.5},
        {"omit_s": 61},
        {"streams": 0},
        {"port": 0},
        {"port": 65536},
        {"repeats": 0},
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_runs(wrong: dict[str, int]) -> None:
    client = Scripted([])

    with pytest.raises(SpecError):
        iperf3(client, FAR, **wrong)  # type: ignore[arg-type]

    assert client.seen == []


@dataclass
class Scripted:
    """Answers with recorded outputs, in order; "hang" runs into the time limit."""

    outputs: list[str]
    name: str = "vm1"
    accelerator: str = "tcg"
    seen: list[str] = field(default_factory=list)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout_s: float = 60.0,
        stdin: str = "",
        quiet_s: float = 0.0,
    ) -> Completed:
        self.seen.append(" ".join(argv))
        output = self.outputs[len(self.seen) - 1]
        if output == "hang":
            raise CommandTimeout("did not end", after_s=timeout_s)
        return Completed(tuple(argv), 0, output, "", 0.0)

    def stream(self, argv: Sequence[str], *, timeout_s: float = 3600.0) -> Iterator[str]:
        raise NotImplementedError


def test_both_directions_take_turns() -> None:
    client = Scripted([sample("forward"), sample("reverse")] * 2)

    both = both_directions(client, FAR, repeats=2)

    assert [line.endswith("--reverse") for line in client.seen] == [False, True, False, True]
    assert (both.forward.direction, both.reverse.direction) == ("forward", "reverse")
    assert (len(both.forward.runs), both.accelerator) == (2, "tcg")


def test_one_failed_repeat_fails_the_measurement() -> None:
    client = Scripted([sample("forward"), sample("server-ended"), sample("forward")])

    with pytest.raises(MeasurementError, match="the server has terminated"):
        iperf3(client, FAR, repeats=3)


def test_a_run_that_does_not_end_is_an_error_with_a_hint() -> None:
    with pytest.raises(
        MeasurementError, match=r"from vm1 to 10\.9\.0\.2 port 5201 did not end in 28 s"
    ) as caught:
        iperf3(Scripted(["hang"]), FAR)

    assert "link" in caught.value.hint


@pytest.mark.host
def test_a_server_is_started_for_each_run(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable

    result = iperf3(near, FAR, server=far, duration_s=1, repeats=2)

    assert len(result.runs) == 2
    assert all(run.received_bytes > 0 for run in result.runs)
    assert result.method.endswith("--time 1 --json; a server on far for each run")


@pytest.mark.host
def test_both_directions_are_measured(cable: tuple[LocalRunner, LocalRunner]) -> None:
    both = both_directions(cable[0], FAR, server=cable[1], duration_s=1, streams=2)

    assert (both.forward.runs[0].direction, both.reverse.runs[0].direction) == ("forward", "reverse")
    assert both.reverse.runs[0].streams == 2


@pytest.mark.host
def test_no_server_is_an_error_with_a_hint(cable: tuple[LocalRunner, LocalRunner]) -> None:
    with pytest.raises(
        MeasurementError, match=r"near to 10\.9\.0\.2 port 5201: no iperf3 server listens"
    ) as caught:
        iperf3(cable[0], FAR)

    assert "server=" in caught.value.hint


@pytest.mark.host
def test_a_server_of_someone_else_is_used(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable
    with serving(far, 5202):
        result = iperf3(near, FAR, duration_s=1, port=5202)

    assert result.median_mbit_s > 0


@pytest.mark.host
def test_a_port_in_use_is_not_taken(cable: tuple[LocalRunner, LocalRunner]) -> None:
    near, far = cable
    with serving(far, 5201):
        result = iperf3(near, FAR, server=far, duration_s=1)

    assert "--port 5202" in result.method


@pytest.mark.host
def test_the_tool_by_hand_gets_the_same_throughput(cable: tuple[LocalRunner, LocalRunner]) -> None:
    """Not a benchmark: a factor of two would mean that kvmlab stands in the way."""
    near, far = cable
    through = iperf3(near, FAR, server=far, duration_s=1).median_mbit_s
    with serving(far, 5201):
        by_hand = parse_iperf3(near.run(["iperf3", "-c", FAR, "-t", "1", "--json"]).stdout).received_mbit_s

    assert 0.5 < through / by_hand < 2


@contextlib.contextmanager
def serving(host: LocalRunner, port: int) -> Iterator[None]:
    process = host.popen(["iperf3", "--server", "--port", str(port)])
    try:
        deadline = time.monotonic() + 5
        while f":{port} " not in host.run(["ss", "-ltn"]).stdout:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()
