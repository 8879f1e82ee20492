"""A difference between expected and observed is a finding, and is shown as one."""

from dataclasses import replace

import pytest

from kvmlab.reach.expected import EXPECTED, PATHS
from kvmlab.reach.matrix import Cell, Matrix, summary
from kvmlab.reach.modes import MODES

BLOCKED = Cell("nat", "pc", "guest", "virtio", "icmp", "blocked", "blocked", "no route", "100% loss")
REACHES = Cell("nat", "guest", "pc", "virtio", "icmp", "reaches", "reaches", "translated", "")


def test_what_was_expected_is_no_finding() -> None:
    matrix = Matrix((BLOCKED, REACHES), "by ping")

    assert list(matrix.findings) == []
    assert repr(matrix).endswith("by ping\nAll is as expected.")


@pytest.mark.parametrize("observed", ["reaches", "could not test"])
def test_what_was_not_expected_is_a_finding(observed: str) -> None:
    wrong = replace(BLOCKED, observed=observed)

    matrix = Matrix((wrong, REACHES), "by ping")

    assert list(matrix.findings) == [wrong]
    assert "1 of 2 probes found something else than expected" in repr(matrix)
    assert matrix.rows()[0]["pc → guest"] == f"{observed} !"


def test_different_outcomes_on_one_path_are_told_apart() -> None:
    cells = [BLOCKED, replace(BLOCKED, protocol="tcp", observed="reaches")]

    assert summary(cells) == "icmp blocked, tcp reaches !"


def test_every_mode_has_an_expectation_with_a_reason_for_every_path() -> None:
    assert set(MODES) == set(EXPECTED)
    for mode, expectations in EXPECTED.items():
        assert tuple(expectations) == PATHS, mode
        assert all(expectation.reason.endswith(".") for expectation in expectations.values()), mode


def test_the_reasons_of_a_mode_are_listed_once_for_each_path() -> None:
    cells = (REACHES, replace(REACHES, protocol="tcp"), replace(REACHES, nic="rtl8139"))

    (row,) = Matrix(cells, "").reasons("nat")

    assert row == {"path": "guest → pc", "expected": "reaches", "reason": "translated"}
