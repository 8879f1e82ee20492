"""Which distribution this is, and where its packages come from."""

from pathlib import Path

import pytest

from kvmlab.errors import ImageError
from kvmlab.image.distribution import (
    Distribution,
    parse_index_targets,
    parse_os_release,
    source_lines,
    this_distribution,
)

UBUNTU = """\
PRETTY_NAME="Ubuntu 24.04.2 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
# a comment = no field
"""
FEDORA = 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora Linux 41"\nVERSION_CODENAME=""\n'
SID = 'PRETTY_NAME="Debian GNU/Linux"\nNAME="Debian GNU/Linux"\nID=debian\n'
BOOKWORM = Distribution("debian", "12", "bookworm")
#: As `apt-get indextargets` printed it on Debian 12, with third parties' sources beside it.
TARGETS = """\
Packages|Debian|bookworm|http://deb.debian.org/debian/|bookworm|main
Packages|Debian|bookworm|http://deb.debian.org/debian/|bookworm|contrib
Translations|Debian|bookworm|http://deb.debian.org/debian/|bookworm|main
Packages|Debian|bookworm-updates|http://deb.debian.org/debian/|bookworm-updates|main
Packages|Debian|bookworm-security|http://deb.debian.org/debian-security/|bookworm-security|main
Packages|Debian|bookworm-backports|http://deb.debian.org/debian/|bookworm-backports|main
Packages|Debian|trixie|http://deb.debian.org/debian/|trixie|main
Packages|cloud-sdk-bookworm|cloud-sdk-bookworm|https://packages.cloud.google.com/apt/|cloud-sdk-bookworm|main
Packages|. nodistro|nodistro|https://deb.nodesource.com/node_20.x/|nodistro|main
"""


def test_ubuntu_is_known_by_its_own_name() -> None:
    assert parse_os_release(UBUNTU) == Distribution("ubuntu", "24.04", "noble")


@pytest.mark.parametrize(
    ("text", "name"), [(FEDORA, "Fedora Linux 41"), (SID, "Debian GNU/Linux"), ("", "this")]
)
def test_a_system_without_a_known_release_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(ImageError, match=name) as caught:
        parse_os_release(text)

    assert "Debian 12 and 13" in caught.value.hint


def test_only_the_release_itself_is_taken_from_apts_sources() -> None:
    assert parse_index_targets(TARGETS, BOOKWORM) == [
        ("http://deb.debian.org/debian/", "bookworm", "main contrib"),
        ("http://deb.debian.org/debian/", "bookworm-updates", "main"),
        ("http://deb.debian.org/debian-security/", "bookworm-security", "main"),
    ]


@pytest.mark.parametrize("text", ["", "E: something else\n", "Packages|Debian\n"])
def test_text_without_sources_gives_none(text: str) -> None:
    assert parse_index_targets(text, BOOKWORM) == []


def test_without_lists_of_apt_there_are_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apt.conf").write_text(f'Dir::State::Lists "{tmp_path}/lists";\nDir::Etc "{tmp_path}";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))

    assert source_lines(this_distribution()) == []


def test_a_source_of_this_machine_is_signed_by_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    this = this_distribution()
    (tmp_path / "apt.conf").write_text(f'Dir::State::Lists "{tmp_path}/lists";\nDir::Etc "{tmp_path}";\n')
    (tmp_path / "sources.list").write_text(f"deb http://mirror.example/debian {this.suite} main\n")
    lists = tmp_path / "lists"
    lists.mkdir()
    stem = f"mirror.example_debian_dists_{this.suite}"
    (lists / f"{stem}_InRelease").write_text(f"Origin: {this.id}\nCodename: {this.suite}\n")
    (lists / f"{stem}_main_binary-amd64_Packages").touch()
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))

    (line,) = source_lines(this)

    assert line == (
        f"deb [signed-by=/usr/share/keyrings/{this.id}-archive-keyring.gpg] "
        f"http://mirror.example/debian/ {this.suite} main"
    )
