"""A difference between expected and observed is a finding, and is shown as one."""

from dataclasses import replace

import pytest

from kvmlab.reach import slirp
from kvmlab.reach.expected import EXPECTED, FAMILIES, PATHS
from kvmlab.reach.matrix import Cell, Matrix, summary
from kvmlab.reach.modes import MODES

BLOCKED = Cell("nat", "pc", "guest", "virtio", "IPv4", "icmp", "blocked", "blocked", "no route", "100% loss")
REACHES = Cell("nat", "guest", "pc", "virtio", "IPv4", "icmp", "reaches", "reaches", "translated", "")


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


def test_each_family_of_addresses_has_a_row() -> None:
    matrix = Matrix((BLOCKED, replace(BLOCKED, family="IPv6", observed="reaches")), "")

    assert [(row["mode"], row["family"], row["pc → guest"]) for row in matrix.rows()] == [
        ("nat", "IPv4", "blocked"),
        ("nat", "IPv6", "reaches !"),
    ]


def test_a_mode_that_was_left_out_is_named_with_the_reason() -> None:
    assert repr(Matrix((BLOCKED,), "", (("vlan", "no 8021q"),))).endswith("Left out: vlan: no 8021q.")


def test_every_mode_has_an_expectation_with_a_reason_for_every_path_and_family() -> None:
    assert set(MODES) == set(EXPECTED)
    for mode, families in EXPECTED.items():
        assert tuple(families) == FAMILIES, mode
        for paths in families.values():
            assert tuple(paths) == PATHS, mode
            assert all(expectation.reason.endswith(".") for expectation in paths.values()), mode


def test_expectations_of_ipv6_do_not_speak_of_ipv4() -> None:
    said = {(mode, path): e.reason for mode, families in EXPECTED.items() for path, e in families[6].items()}

    assert {where for where, reason in said.items() if "RFC 1918" in reason or "10.0." in reason} == set()


def test_an_address_that_is_global_is_reached_from_the_internet() -> None:
    reached = {mode for mode, families in EXPECTED.items() if families[6]["internet", "guest"].reaches}

    assert reached == {mode for mode in EXPECTED if mode.startswith(("bridged", "direct", "routed", "open"))}
    assert not any(families[4]["internet", "guest"].reaches for families in EXPECTED.values())


def test_whether_slirp_passes_pings_over_ipv6_follows_its_version() -> None:
    expectation = EXPECTED["user"][6]["guest", "pc"]
    passes = slirp.passes_echo6(slirp.version())

    assert slirp.version()
    assert expectation.of("tcp").outcome == "reaches"
    assert expectation.of("icmp").outcome == ("reaches" if passes else "blocked")
    assert ("libslirp" in expectation.of("icmp").reason) != passes


def test_the_reasons_of_a_mode_are_listed_once_for_each_path() -> None:
    cells = (REACHES, replace(REACHES, protocol="tcp"), replace(REACHES, nic="rtl8139"))

    (row,) = Matrix(cells, "").reasons("nat")

    assert row == {"path": "guest → pc", "over": "IPv4", "expected": "reaches", "reason": "translated"}


def test_a_reason_for_both_families_is_one_row_and_one_for_a_protocol_says_so() -> None:
    tcp = replace(REACHES, protocol="tcp")
    no_ping = replace(REACHES, family="IPv6", expected="blocked", reason="no echo")
    cells = (REACHES, tcp, replace(tcp, family="IPv6"), no_ping)

    rows = Matrix(cells, "").reasons("nat")

    assert [(row["over"], row["expected"]) for row in rows] == [
        ("IPv4, IPv6 tcp", "reaches"),
        ("IPv6 icmp", "blocked"),
    ]
