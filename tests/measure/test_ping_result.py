"""Figures of round-trip times, and how they show."""

from dataclasses import asdict, replace
from pathlib import Path

from kvmlab.measure.ping import parse_ping
from kvmlab.measure.ping_result import PingResult

ANSWERED = Path(__file__).parent.parent / "data/ping/answered.txt"

RESULT = PingResult(
    source="vm1",
    target="192.168.1.1",
    rtt_ms=(1.0, 2.0, 4.0, 3.0),
    transmitted=5,
    lost=(4,),
    duplicates=0,
    icmp_messages=(),
    method="ping 192.168.1.1",
    accelerator="tcg",
)
SILENT = replace(RESULT, rtt_ms=(), lost=(2, 3, 4, 5, 6))


def test_figures_describe_the_answers() -> None:
    assert (RESULT.min_ms, RESULT.median_ms, RESULT.mean_ms, RESULT.max_ms) == (1.0, 2.5, 2.5, 4.0)
    assert RESULT.quartiles_ms == (1.75, 3.25)


def test_jitter_is_the_mean_step() -> None:
    assert RESULT.jitter_ms == (1 + 2 + 1) / 3


def test_percentiles_lie_near_the_maximum() -> None:
    assert RESULT.p95_ms is not None
    assert RESULT.p99_ms is not None
    assert 3.8 < RESULT.p95_ms < RESULT.p99_ms < 4.0


def test_figures_agree_with_those_of_ping() -> None:
    text = ANSWERED.read_text()
    result = replace(RESULT, **asdict(parse_ping(text)))

    assert f"= {result.min_ms:.3f}/{result.mean_ms:.3f}/{result.max_ms:.3f}/" in text


def test_loss_is_a_share_of_what_was_sent() -> None:
    assert (RESULT.received, RESULT.loss) == (4, 0.2)


def test_without_an_answer_no_time_is_made_up() -> None:
    assert SILENT.loss == 1.0
    assert {SILENT.min_ms, SILENT.median_ms, SILENT.p99_ms, SILENT.max_ms, SILENT.jitter_ms} == {None}


def test_text_shows_figures_units_and_method() -> None:
    heads, figures, method = repr(RESULT).splitlines()

    assert heads.split("  ")[0] == "source"
    assert "median (ms)" in heads
    assert figures.split() == ["vm1", "192.168.1.1", "5", "20", "1", "2.5", "3.85", "4", "1.33", "tcg"]
    assert method == "method: ping 192.168.1.1"


def test_html_shows_remarks() -> None:
    odd = replace(RESULT, duplicates=2, icmp_messages=("Packet filtered (from <x>)",))

    html = odd._repr_html_()

    assert "duplicates: 2" in html
    assert "Packet filtered (from &lt;x&gt;)" in html


def test_a_result_without_answers_can_be_drawn() -> None:
    assert SILENT.plot().png().startswith(b"\x89PNG")
