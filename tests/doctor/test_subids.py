"""The range of further ids, and the line that grants one."""

import pytest

from kvmlab.doctor import subids

SUBUID = "ann:100000:65536\nbob:165536:1000\n# a comment\nbroken:1\n"


@pytest.mark.parametrize(("user", "uid", "count"), [("ann", 7, 65536), ("bob", 7, 1000), ("eve", 7, 0)])
def test_the_size_of_a_range_is_read_by_name(user: str, uid: int, count: int) -> None:
    assert subids.granted(SUBUID, user, uid) == count


def test_a_new_range_begins_above_all_others() -> None:
    assert subids.next_free(SUBUID, "ann:300000:65536\n") == 365536


def test_the_fix_names_both_kinds_of_ids_and_the_user() -> None:
    fix = subids.fix("eve")

    first, last = (int(number) for number in fix.split()[3].split("-"))
    assert fix == f"sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} eve"
    assert last - first + 1 == 65536


@pytest.mark.parametrize(("mapped", "outcome"), [(65536, "ok"), (1001, "missing"), (1, "missing")])
def test_what_counts_is_what_was_really_mapped(mapped: int, outcome: str) -> None:
    found = subids.check("eve", mapped)

    assert found.outcome == outcome
    assert str(mapped) in found.observed


def test_without_a_namespace_the_files_are_read() -> None:
    found = subids.check("no-such-user", None)

    if subids.granted_ids("no-such-user")[subids.FILES[0]] == 0:
        assert found.outcome == "missing"
        assert "usermod" in found.fix
