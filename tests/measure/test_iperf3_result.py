"""Figures of throughput, and how they show."""

from dataclasses import replace

from kvmlab.measure.iperf3_result import BothDirections, Iperf3Result, Throughput

RUN = Throughput(
    direction="forward",
    received_mbit_s=300.0,
    sent_mbit_s=301.0,
    retransmits=2,
    duration_s=3.0,
    streams=1,
    received_bytes=112_500_000,
)
RESULT = Iperf3Result(
    client="vm1",
    target="192.168.1.20",
    runs=(RUN, replace(RUN, received_mbit_s=1200.0), replace(RUN, received_mbit_s=340.0)),
    method="iperf3 --client 192.168.1.20",
    accelerator="tcg",
)
BACK = replace(RESULT, runs=(replace(RUN, direction="reverse", received_mbit_s=310.0, retransmits=None),))
BOTH = BothDirections(RESULT, BACK)


def test_figures_describe_the_repeats() -> None:
    assert (RESULT.median_mbit_s, RESULT.min_mbit_s, RESULT.max_mbit_s) == (340.0, 300.0, 1200.0)
    assert RESULT.retransmits == 6


def test_retransmits_are_unknown_if_a_sender_did_not_tell() -> None:
    mixed = replace(RESULT, runs=(RUN, replace(RUN, retransmits=None)))

    assert mixed.retransmits is None


def test_the_table_names_sender_and_receiver() -> None:
    assert (RESULT.row().sender, RESULT.row().receiver) == ("vm1", "192.168.1.20")
    assert (BACK.row().sender, BACK.row().receiver) == ("192.168.1.20", "vm1")


def test_text_shows_figures_units_and_method() -> None:
    heads, figures, method = repr(RESULT).splitlines()

    assert "median (Mbit/s)" in heads
    assert figures.split() == ["vm1", "192.168.1.20", "340", "300", "1200", "6", "1", "3", "tcg"]
    assert method == "method: iperf3 --client 192.168.1.20"


def test_both_directions_are_rows_of_one_table() -> None:
    assert len(repr(BOTH).splitlines()) == 4
    assert BOTH._repr_html_().count("<tr>") == 3
    assert BOTH.method == "iperf3 --client 192.168.1.20; in turns with --reverse"


def test_results_can_be_drawn() -> None:
    assert RESULT.plot().png().startswith(b"\x89PNG")
    assert "reverse" in BOTH.plot().svg()
