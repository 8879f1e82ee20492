"""What the kernel cannot do is missing only if every lab needs it."""

from pathlib import Path

import pytest

from kvmlab.doctor.features import FEATURES, checks, modules_check
from kvmlab.doctor.report import Check

ALL_WORK = {feature.name: "" for feature in FEATURES}


def one(name: str, refusals: dict[str, str], *, old_libvirt: bool = False) -> Check:
    return next(check for check in checks(refusals, old_libvirt=old_libvirt) if check.name == name)


def test_names_are_unique() -> None:
    assert len(ALL_WORK) == len(FEATURES)


def test_nothing_to_mend_where_all_works() -> None:
    assert {(check.outcome, check.fix) for check in checks(ALL_WORK, old_libvirt=True)} == {("ok", "")}


def test_a_lab_cannot_do_without_bridges() -> None:
    found = one("bridge", {**ALL_WORK, "bridge": "ip: Unknown device type."})

    assert (found.outcome, found.observed) == ("missing", "ip: Unknown device type.")
    assert "CONFIG_BRIDGE" in found.fix


def test_bonding_is_a_limitation_that_says_what_happens_without() -> None:
    found = one("bonding", {**ALL_WORK, "bonding": "ip: Unknown device type."})

    assert found.outcome == "warning"
    assert "inside guests" in found.why


@pytest.mark.parametrize(("old_libvirt", "outcome"), [(True, "missing"), (False, "warning")])
def test_iptables_is_needed_by_libvirt_before_10_4(old_libvirt: bool, outcome: str) -> None:
    found = one("iptables", {**ALL_WORK, "iptables": "iptables: refused"}, old_libvirt=old_libvirt)

    assert found.outcome == outcome


def test_a_feature_that_was_not_tried_is_not_ok() -> None:
    assert one("tap", {}).outcome == "missing"


def test_modules_on_disk_matter_only_where_a_feature_is_absent(tmp_path: Path) -> None:
    absent = checks({**ALL_WORK, "bonding": "ip: Unknown device type."}, old_libvirt=False)
    gone = tmp_path / "6.1.0"

    assert modules_check(checks(ALL_WORK, old_libvirt=False), gone) == []
    assert modules_check(absent, tmp_path) == []
    assert [check.outcome for check in modules_check(absent, gone)] == ["warning"]
