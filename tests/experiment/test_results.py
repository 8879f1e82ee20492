"""Tables, summaries and files: pure, on figures whose truth is known."""

import subprocess
import sys
from pathlib import Path

import pytest

from kvmlab.errors import SpecError
from kvmlab.experiment import Plan, Results

PLAN = Plan(factors={"mode": ["nat", "bridged"], "mtu": [1500, 9000]}, repeats=3, measures=("tcp",))
HOST = {"accelerator": "tcg", "cpus": 2}
#: Mbit/s by mode; the third repeat at MTU 9000 in bridged mode fails.
RATE = {"nat": 300.0, "bridged": 600.0}


def results(*, factor: float = 1.0) -> Results:
    records = []
    for trial in PLAN.trials():
        has_failed = (trial.repeat, trial.point["mode"], trial.point["mtu"]) == (2, "bridged", 9000)
        rate = factor * (RATE[str(trial.point["mode"])] + trial.repeat)
        records.append(
            {
                "index": trial.index,
                "repeat": trial.repeat,
                "point": dict(trial.point),
                "outcome": "failed" if has_failed else "measured",
                "reason": "guest 'x1' is not running" if has_failed else "",
                "values": {} if has_failed else {"tcp_mbit_s": rate, "tcp_retransmits": 0},
                "limiter": "",
                "site": "lab",
                "began": "2025-01-01T00:00:00+00:00",
                "elapsed_s": 3.0,
                "host": HOST,
            }
        )
    return Results(PLAN, records)


def test_a_row_is_a_trial_and_a_failed_one_has_no_figure() -> None:
    table = results().table

    assert len(table) == 12
    assert table["tcp_mbit_s"].isna().sum() == 1
    assert table.loc[table["outcome"] == "failed", "reason"].to_list() == ["guest 'x1' is not running"]
    assert table["host_cpus"].to_list() == [2] * 12


def test_a_summary_has_medians_intervals_and_what_failed() -> None:
    rows = {row.group: row for row in results().summary("tcp_mbit_s")}

    assert list(rows) == [
        "nat · mtu 1500",
        "nat · mtu 9000",
        "bridged · mtu 1500",
        "bridged · mtu 9000",
    ]
    assert (rows["nat · mtu 1500"].median, rows["nat · mtu 1500"].low) == (301.0, 300.0)
    assert (rows["bridged · mtu 9000"].repeats, rows["bridged · mtu 9000"].failed) == (2, 1)


def test_groups_can_be_chosen() -> None:
    rows = results().summary("tcp_mbit_s", by=["mode"])

    assert [(row.group, row.repeats) for row in rows] == [("nat", 6), ("bridged", 5)]


def test_one_figure_with_its_interval_can_be_asked_for() -> None:
    assert results().interval("tcp_mbit_s", mode="nat", mtu=9000).middle == 301.0


@pytest.mark.parametrize(
    ("column", "by", "message"),
    [("speed", None, "'speed' was not measured"), ("tcp_mbit_s", ["colour"], "factor 'colour' is unknown")],
)
def test_what_is_not_there_is_refused(column: str, by: list[str] | None, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        results().summary(column, by=by)


def test_failures_carry_point_and_reason() -> None:
    assert list(results().failures) == [
        {"point": "bridged · mtu 9000", "repeat": 2, "reason": "guest 'x1' is not running"}
    ]
    assert "failed: bridged · mtu 9000: guest 'x1' is not running" in repr(results())
    assert "guest &#x27;x1&#x27; is not running" in results()._repr_html_()


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_what_is_saved_is_loaded_with_its_plan(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"run{ending}"

    results().save(path)
    found = Results.load(path)

    assert found.plan == PLAN
    assert repr(found) == repr(results())
    assert found.table.equals(results().table)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"cannot write 'run\.xlsx'"):
        results().save(tmp_path / "run.xlsx")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")

    with pytest.raises(SpecError, match="no results"):
        Results.load(tmp_path / name)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from tests.experiment.test_results import results\n"
        "try: results().save(sys.argv[1])\n"
        "except ValueError as error: print(error, error.hint)\n"
    )

    line = [sys.executable, "-c", program, str(tmp_path / "x.parquet")]
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=root)

    assert "pip install 'kvmlab[parquet]'" in done.stdout


def test_two_runs_are_compared_point_by_point() -> None:
    rows = results().compare(results(factor=2.0), "tcp_mbit_s")

    assert [row.verdict for row in rows] == ["higher"] * 4
    assert rows[0].ratio == 2.0


def test_a_run_compared_with_itself_shows_no_difference() -> None:
    assert {row.verdict for row in results().compare(results(), "tcp_mbit_s")} == {"no difference seen"}


def test_runs_without_a_common_point_are_not_compared() -> None:
    with pytest.raises(SpecError, match="no point in common"):
        results().compare(Results(PLAN, []), "tcp_mbit_s")


def test_results_at_one_level_are_those_of_a_smaller_plan() -> None:
    found = results().where(mtu=1500)

    assert [(row.group, row.median) for row in found.summary("tcp_mbit_s")] == [
        ("nat", 301.0),
        ("bridged", 601.0),
    ]
    assert "still to be run" not in repr(found)


@pytest.mark.parametrize(
    ("levels", "message"),
    [({"mtu": 4096}, "mtu 4096 was not measured"), ({"colour": 1}, "'colour' is unknown")],
)
def test_a_level_that_was_not_measured_is_refused(levels: dict[str, int], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        results().where(**levels)


def test_claims_stand_beside_what_was_measured_and_are_compared_as_ratios() -> None:
    found = results().where(mtu=1500).beside("tcp_mbit_s", {"nat": 1000, "bridged": 500}, note="no method")

    rows = {row.point: row for row in found.rows}
    assert (rows["nat"].says, rows["nat"].measured) == (1000, 301.0)
    assert (rows["bridged"].says_of_first, rows["bridged"].measured_of_first) == (0.5, 601.0 / 301.0)


def test_a_claim_without_a_figure_and_a_point_that_failed_leave_their_cells_empty() -> None:
    failed = [r for r in results().records if r["outcome"] == "failed"]
    nothing = Results(PLAN, failed).where(mtu=9000)

    (row,) = results().where(mtu=1500).beside("tcp_mbit_s", {"nat": None}, note="-").rows
    (empty,) = nothing.beside("tcp_mbit_s", {"bridged": 100}, note="-").rows

    assert (row.says, row.says_of_first, row.measured) == (None, None, 301.0)
    assert (empty.measured, empty.measured_of_first) == (None, None)


def test_a_comparison_with_a_text_says_what_it_cannot_tell() -> None:
    found = results().where(mtu=1500).beside("tcp_mbit_s", {"nat": 1000}, note="names no machine")

    assert "claimed: names no machine" in repr(found)
    assert "not with a machine of metal" in found._repr_html_()
    assert repr(found.plot()) == "Plot: tcp (Mbit/s), claimed and measured, of nat"


def test_a_change_that_a_text_claims_stands_beside_the_change_that_was_measured() -> None:
    before, after = results().where(mtu=1500), results(factor=2.0).where(mtu=1500)

    (ratio,) = after.beside("tcp_mbit_s", {"nat": 1.15}, note="-", divided_by=before).rows
    (rise,) = after.beside("tcp_mbit_s", {"nat": -3}, note="-", minus=before).rows

    assert (ratio.measured, ratio.says_of_first) == (2.0, None)
    assert (rise.says, rise.measured) == (-3, 301.0)
    assert "of first" not in repr(after.beside("tcp_mbit_s", {"nat": -3}, note="-", minus=before))


def test_levels_of_a_factor_are_compared_with_one_of_them() -> None:
    rows = results().relative_to("tcp_mbit_s", mode="nat")

    assert [(row.group, row.verdict) for row in rows] == [
        ("bridged · mtu 1500", "higher"),
        ("bridged · mtu 9000", "higher"),
    ]
    assert rows[0].ratio == 601.0 / 301.0


def test_levels_of_two_factors_at_once_are_not_compared() -> None:
    with pytest.raises(SpecError, match="one factor"):
        results().relative_to("tcp_mbit_s", mode="nat", mtu=1500)


def test_a_claim_about_something_else_is_refused() -> None:
    with pytest.raises(SpecError, match="no point 'vepa'"):
        results().beside("tcp_mbit_s", {"vepa": 1}, note="-")


def test_results_are_drawn() -> None:
    plot = results().plot("tcp_mbit_s")

    assert repr(plot).startswith("Plot: tcp (Mbit/s) of nat")
    assert plot.png().startswith(b"\x89PNG")


def test_a_run_that_was_stopped_says_what_is_left() -> None:
    assert "12 trials are still to be run" in repr(Results(PLAN, []))
