"""The packages' files are sorted into kernel, modules and root file system."""

import io
import tarfile
from pathlib import Path

import pytest

from kvmlab.image import archive, recipe

KERNEL = "6.1.0-test"


class Packages:
    """A tar file like mmdebstrap's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tar = tarfile.open(path, "w")  # noqa: SIM115  closed by close()

    def file(self, name: str, content: str = "", *, mode: int = 0o644, gid: int = 0) -> "Packages":
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.gid = len(content), mode, gid
        self._tar.addfile(member, io.BytesIO(content.encode()))
        return self

    def other(self, name: str, kind: bytes, points_to: str = "", *, mode: int = 0o755) -> "Packages":
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = kind, points_to, mode
        self._tar.addfile(member)
        return self

    def close(self) -> Path:
        self._tar.close()
        return self.path


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages.tar").other("./", tarfile.DIRTYPE)


def root_of(packages: Packages, tmp_path: Path) -> dict[str, tarfile.TarInfo]:
    """What comes out as the root file system, by name and in order."""
    sorter = archive.Sorter(packages.close(), tmp_path)
    sorter.take_kernel()
    sorter.write_root(tmp_path / "root.tar")
    with tarfile.open(tmp_path / "root.tar") as result:
        members = result.getmembers()
    assert len({member.name for member in members}) == len(members)
    return {member.name: member for member in members}


def content_of(name: str, tmp_path: Path) -> str:
    with tarfile.open(tmp_path / "root.tar") as result:
        stream = result.extractfile(name)
        assert stream is not None
        return stream.read().decode()


def test_kernel_modules_and_busybox_are_put_aside(packages: Packages, tmp_path: Path) -> None:
    packages.file(f"./boot/vmlinuz-{KERNEL}", "kernel").file("./bin/busybox", "box")
    packages.file(f"./usr/lib/modules/{KERNEL}/kernel/net/tls.ko", "module")

    sorter = archive.Sorter(packages.close(), tmp_path)
    sorter.take_kernel()

    assert sorter.kernel_version == KERNEL
    assert (tmp_path / "vmlinuz").read_text() == "kernel"
    assert (tmp_path / "busybox").read_text() == "box"
    assert (tmp_path / f"lib/modules/{KERNEL}/kernel/net/tls.ko").read_text() == "module"


def test_the_modules_that_were_kept_come_back_in(packages: Packages, tmp_path: Path) -> None:
    packages.file(f"./boot/vmlinuz-{KERNEL}", "kernel").file(
        f"./lib/modules/{KERNEL}/kernel/net/tls.ko", "old"
    )
    sorter = archive.Sorter(packages.close(), tmp_path)
    sorter.take_kernel()
    (tmp_path / f"lib/modules/{KERNEL}/kernel/net/tls.ko").write_text("new")

    sorter.write_root(tmp_path / "root.tar")

    assert content_of(f"usr/lib/modules/{KERNEL}/kernel/net/tls.ko", tmp_path) == "new"


def test_files_outside_of_usr_are_merged_into_it(packages: Packages, tmp_path: Path) -> None:
    packages.other("./bin/", tarfile.DIRTYPE).file("./bin/ip", "tool", mode=0o755)

    root = root_of(packages, tmp_path)

    assert (root["bin"].type, root["bin"].linkname) == (tarfile.SYMTYPE, "usr/bin")
    assert root["usr/bin/ip"].mode == 0o755
    assert content_of("usr/bin/ip", tmp_path) == "tool"


def test_a_second_name_of_a_file_leads_to_its_new_place(packages: Packages, tmp_path: Path) -> None:
    packages.file("./bin/gunzip", "x").other("./bin/uncompress", tarfile.LNKTYPE, "./bin/gunzip")

    root = root_of(packages, tmp_path)

    assert root["usr/bin/uncompress"].linkname == "usr/bin/gunzip"


def test_owners_and_modes_stay_as_the_packages_have_them(packages: Packages, tmp_path: Path) -> None:
    packages.file("./usr/bin/chage", "x", mode=0o2755, gid=42)

    chage = root_of(packages, tmp_path)["usr/bin/chage"]

    assert (chage.mode, chage.uid, chage.gid) == (0o2755, 0, 42)


def test_each_folder_is_roots_and_comes_before_what_is_in_it(packages: Packages, tmp_path: Path) -> None:
    packages.file("./opt/a/b/c", "x")

    root = root_of(packages, tmp_path)

    names = list(root)
    assert names.index("opt") < names.index("opt/a") < names.index("opt/a/b") < names.index("opt/a/b/c")
    assert (root["opt/a"].uid, root["opt/a"].gid, root["opt/a"].mode) == (0, 0, 0o755)
    assert not [name for name in names if "/" in name and name.rsplit("/", 1)[0] not in root]


def test_a_package_may_give_a_folder_another_mode(packages: Packages, tmp_path: Path) -> None:
    packages.other("./var/local/", tarfile.DIRTYPE, mode=0o2775).file("./var/local/file")

    assert root_of(packages, tmp_path)["var/local"].mode == 0o2775


def test_documentation_devices_and_the_machines_own_settings_are_left_out(
    packages: Packages, tmp_path: Path
) -> None:
    packages.file("./usr/share/doc/ip/README").other("./dev/null", tarfile.CHRTYPE)
    packages.file("./etc/resolv.conf", "nameserver 10.9.9.9").file(
        "./etc/apt/sources.list", "deb http://secret"
    )
    packages.other("./dev/fd", tarfile.SYMTYPE, "/proc/self/fd").file("./etc/services", "http 80/tcp")

    root = root_of(packages, tmp_path)

    assert "etc/services" in root
    assert not [name for name in root if "doc" in name or "apt" in name or name.startswith("dev/")]
    assert root["etc/resolv.conf"].linkname == "/run/resolv.conf"


def test_kvmlabs_own_file_takes_the_place_of_a_packages(packages: Packages, tmp_path: Path) -> None:
    packages.file("./etc/fstab", "of a package")

    root_of(packages, tmp_path)

    assert content_of("etc/fstab", tmp_path) == (recipe.FILES / "root/etc/fstab").read_text()


def test_kvmlabs_scripts_can_be_run(packages: Packages, tmp_path: Path) -> None:
    root = root_of(packages, tmp_path)

    assert root["usr/lib/kvmlab/boot"].mode == 0o755
    assert root["etc/passwd"].mode == 0o644


def test_a_link_is_made_only_where_no_package_has_the_name(packages: Packages, tmp_path: Path) -> None:
    packages.file("./usr/bin/awk", "a real one")

    root = root_of(packages, tmp_path)

    assert root["usr/bin/awk"].isfile()
    assert root["usr/sbin/init"].linkname == "/usr/bin/busybox"
