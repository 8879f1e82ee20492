"""The list of needs, and one line that installs what is missing."""

import pytest

from kvmlab.doctor.packages import (
    NEEDS,
    Need,
    packages_check,
    parse_version,
    path_check,
    read_needs,
    version_check,
)

TEXT = """\
# a comment

/usr/bin/qemu-system-x86_64 | qemu-system-x86 [amd64] | runs the guests
/usr/bin/qemu-system-aarch64 | qemu-system-arm [arm64] | runs the guests
/usr/sbin/nft | nftables | rules
/usr/bin/gcc | gcc | builds libvirt-python
/usr/bin/shellcheck | shellcheck (test) | checks the shell scripts
"""
NFT = Need("/usr/sbin/nft", "nftables", "rules")
DNSMASQ = Need("/usr/sbin/dnsmasq", "dnsmasq-base", "DHCP and DNS")


@pytest.mark.parametrize(
    ("architecture", "qemu"), [("amd64", "qemu-system-x86"), ("arm64", "qemu-system-arm")]
)
def test_only_what_running_takes_on_this_architecture_is_looked_for(architecture: str, qemu: str) -> None:
    assert [need.package for need in read_needs(TEXT, architecture)] == [qemu, "nftables"]


def test_the_real_list_can_be_read_and_has_what_every_lab_starts() -> None:
    packages = {need.package for need in read_needs(NEEDS.read_text(encoding="utf-8"), "amd64")}

    assert {"qemu-system-x86", "dnsmasq-base", "nftables", "uidmap", "mmdebstrap"} <= packages


def test_all_that_lacks_is_installed_by_one_line() -> None:
    found = packages_check([NFT, DNSMASQ], 9, known=frozenset({"nftables", "dnsmasq-base"}))

    assert found.outcome == "missing"
    assert found.fix == "sudo apt-get install --no-install-recommends nftables dnsmasq-base"
    assert "DHCP and DNS" in found.observed


def test_packages_that_this_release_does_not_have_are_left_out() -> None:
    found = packages_check([NFT, DNSMASQ], 9, known=frozenset({"nftables"}))

    assert found.fix.endswith(" nftables")


def test_empty_lists_of_apt_are_fetched_first() -> None:
    found = packages_check([NFT], 9, known=frozenset())

    assert found.fix == "sudo apt-get update && sudo apt-get install --no-install-recommends nftables"


def test_without_apt_the_files_are_named() -> None:
    assert packages_check([NFT], 9, known=None).fix == "install what provides /usr/sbin/nft"


def test_nothing_lacking_is_ok() -> None:
    assert packages_check([], 9, known=frozenset()).outcome == "ok"


def test_a_program_outside_of_path_is_not_installed_again() -> None:
    assert path_check([NFT, DNSMASQ]).fix == 'export PATH="$PATH:/usr/sbin"'


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c) 2003-2022", (7, 2, 22)),
        ("/usr/sbin/libvirtd (libvirt) 11.3.0\n", (11, 3, 0)),
        ("no number", ()),
    ],
)
def test_a_version_is_read_from_what_programs_print(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("version", "outcome"), [((7, 2, 22), "ok"), ((10, 0), "ok"), ((6, 2, 0), "warning"), ((), "missing")]
)
def test_a_version_is_judged_by_the_oldest_that_was_tested(version: tuple[int, ...], outcome: str) -> None:
    assert version_check("QEMU", version).outcome == outcome
