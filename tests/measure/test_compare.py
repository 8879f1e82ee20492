"""Results side by side."""

from dataclasses import replace

import pytest

from kvmlab.errors import SpecError
from kvmlab.measure.compare import compare
from kvmlab.measure.iperf3_result import BothDirections, Iperf3Result, Throughput
from kvmlab.measure.ping_result import PingResult

PING = PingResult(
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
RUN = Throughput(
    direction="forward",
    received_mbit_s=300.0,
    sent_mbit_s=301.0,
    retransmits=2,
    duration_s=3.0,
    streams=1,
    received_bytes=112_500_000,
)
FORWARD = Iperf3Result(
    client="vm1", target="192.168.1.20", runs=(RUN, RUN), method="iperf3 --client x", accelerator="tcg"
)
BOTH = BothDirections(FORWARD, replace(FORWARD, runs=(replace(RUN, direction="reverse"),)))


def test_results_of_ping_are_rows_in_the_order_given() -> None:
    rows = compare({"virtio": PING, "rtl8139": replace(PING, rtt_ms=(), lost=(2, 3, 4, 5, 6))}).rows

    assert rows.to_dicts()[0] == {
        "label": "virtio",
        "median_ms": 2.5,
        "p25_ms": 1.75,
        "p75_ms": 3.25,
        "min_ms": 1.0,
        "max_ms": 4.0,
        "loss_percent": 20.0,
        "answers": 4,
        "accelerator": "tcg",
    }
    assert (rows[1].label, rows.to_dicts()[1]["median_ms"]) == ("rtl8139", None)


def test_both_directions_are_a_row_each() -> None:
    rows = compare({"virtio": BOTH, "rtl8139": FORWARD}).rows.to_dicts()

    assert [(row["label"], row["direction"], row["repeats"]) for row in rows] == [
        ("virtio", "forward", 2),
        ("virtio", "reverse", 1),
        ("rtl8139", "forward", 2),
    ]


def test_equal_methods_are_said_once() -> None:
    comparison = compare({"virtio": PING, "rtl8139": PING, "far": replace(PING, method="ping x")})

    assert comparison.method.splitlines() == [
        "virtio, rtl8139: ping 192.168.1.1; accelerator: tcg",
        "far: ping x; accelerator: tcg",
    ]
    assert comparison.method in repr(comparison)
    assert "virtio, rtl8139: ping 192.168.1.1" in comparison._repr_html_()


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(SpecError, match="no results"):
        compare({})


def test_times_and_throughput_are_not_compared() -> None:
    with pytest.raises(SpecError, match="no common quantity"):
        compare({"a": PING, "b": FORWARD})


def test_comparisons_can_be_drawn() -> None:
    assert (
        repr(compare({"virtio": PING, "rtl8139": PING}).plot()) == "Plot: round-trip times of virtio, rtl8139"
    )
    assert compare({"virtio": BOTH}).plot().png().startswith(b"\x89PNG")
