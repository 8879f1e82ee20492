"""The report of the bench, as a table and as JSON."""

import json

from kvmlab.bench.report import BenchReport, Figure, FigureKind, Samples

START = FigureKind("lab_start", "s", "from start to answer")
COLD = FigureKind("guest_cold", "s", "from start to agent", "plain QEMU")
REPORT = BenchReport(
    {"accelerator": "tcg", "cpus": 2},
    (Figure.of(START, Samples([1.5, 1.25, 9.0])), Figure.of(COLD, Samples([6.0, 5.0], [4.0, 5.0]))),
)


def test_json_has_the_machine_and_each_figure_with_its_baseline() -> None:
    found = json.loads(REPORT.to_json())

    keys = ("name", "median", "unit", "repeats", "baseline")
    assert found["host"] == {"accelerator": "tcg", "cpus": 2}
    assert [tuple(figure[key] for key in keys) for figure in found["figures"]] == [
        ("lab_start", 1.5, "s", 3, None),
        ("guest_cold", 5.5, "s", 2, 4.5),
    ]


def test_json_keeps_every_value_in_order_of_measurement() -> None:
    cold = json.loads(REPORT.to_json())["figures"][1]

    assert (cold["values"], cold["baseline_values"]) == ([6.0, 5.0], [4.0, 5.0])


def test_the_table_has_a_row_for_each_figure_and_says_what_it_means() -> None:
    lines = str(REPORT).splitlines()

    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("lab_start ", "guest_cold "))}
    assert rows["lab_start"] == ["lab_start", "1.5", "s", "1.25", "to", "9", "3", "1.25", "9", "-"]
    assert rows["guest_cold"] == ["guest_cold", "5.5", "s", "5", "to", "6", "2", "5", "6", "4.5"]
    assert "guest_cold: from start to agent. Baseline: plain QEMU." in lines


def test_a_single_repeat_has_no_interval() -> None:
    figure = Figure.of(START, Samples([1.5]))

    assert (figure.median, figure.low, figure.high) == (1.5, None, None)
