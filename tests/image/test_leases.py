"""Who uses an image is noted in the cache, by whoever uses it."""

from pathlib import Path

from kvmlab.image import leases


def test_a_lab_is_noted_once(cache: Path) -> None:
    assert leases.take("debian-12", Path("/labs/nat"))
    assert not leases.take("debian-12", Path("/labs/nat"))

    assert list(leases.holders("debian-12").values()) == [Path("/labs/nat")]
    assert leases.holders("other") == {}


def test_labs_of_one_name_in_two_places_are_two(cache: Path) -> None:
    for home in ("/one", "/other"):
        leases.take("debian-12", Path(home, "nat"))

    assert set(leases.holders("debian-12").values()) == {Path("/one/nat"), Path("/other/nat")}


def test_other_users_may_note_theirs_but_take_nobodys_away(cache: Path) -> None:
    leases.take("debian-12", Path("/labs/nat"))

    assert {oct(path.stat().st_mode)[-4:] for path in (cache / "leases").glob("**/")} == {"1777"}


def test_a_cache_that_cannot_be_written_is_left_as_it_is(cache: Path) -> None:
    (cache / "leases").write_text("in the way")

    assert not leases.take("debian-12", Path("/labs/nat"))
    assert [path.name for path in cache.iterdir()] == ["leases"]
