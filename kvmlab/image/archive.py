"""The unpacked packages as a tar file, on their way into an image.

Files are sorted here without being unpacked: so owners and modes stay as the
packages have them, and no root and no namespace is needed.
"""

import shutil
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from kvmlab.image import recipe

#: Folders that are links into ``/usr`` (file-hierarchy(7)).
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
#: Folders that every system has, whether a package ships them or not.
_FOLDERS = ("dev", "etc", "home", "mnt", "proc", "root", "run", "sys", "tmp", "usr", "var", "var/log")


def merged(name: str) -> str:
    """Return where a path is after ``/bin``, ``/lib`` and so on became links into ``/usr``.

    Examples
    --------
    >>> merged("bin/ip"), merged("etc/passwd"), merged("lib")
    ('usr/bin/ip', 'etc/passwd', 'lib')
    """
    top, _, rest = name.partition("/")
    return f"usr/{name}" if top in _MERGED and rest else name


def is_excluded(name: str) -> bool:
    """Tell whether a path of the packages is not taken over.

    Examples
    --------
    >>> is_excluded("usr/share/doc/ip/README"), is_excluded("usr/bin/ip")
    (True, False)
    """
    parts = name.split("/")
    prefixes = ("/".join(parts[: end + 1]) for end in range(len(parts)))
    return any(fnmatchcase(prefix, pattern) for prefix in prefixes for pattern in recipe.EXCLUDED_PATHS)


class Sorter:
    """Splits the packages' files into the kernel, its modules and the root file system.

    Parameters
    ----------
    packages
        Tar file of all packages, unpacked.
    work
        Folder for kernel and modules: ``work/vmlinuz`` and ``work/lib/modules/VERSION``.
    """

    def __init__(self, packages: Path, work: Path) -> None:
        self._packages = packages
        self._work = work
        self.kernel_version = ""

    def take_kernel(self) -> None:
        """Write kernel, modules and busybox into the work folder."""
        with tarfile.open(self._packages) as source:
            for member in source:
                name = member.name.removeprefix("./")
                if name.startswith("boot/vmlinuz-"):
                    self.kernel_version = name.removeprefix("boot/vmlinuz-")
                    _copy(source, member, self._work / "vmlinuz")
                elif "lib/modules/" in name and member.isfile():
                    _copy(source, member, self._work / name.removeprefix("usr/"))
                elif merged(name) == "usr/bin/busybox":
                    _copy(source, member, self._work / "busybox")

    def write_root(self, target: Path) -> None:
        """Write the root file system as a tar file: kvmlab's own files, packages, modules, links.

        Of two files with the same name the first is taken.
        """
        with tarfile.open(self._packages) as source, tarfile.open(target, "w") as archive:
            root = _Root(archive)
            for member in _skeleton():
                root.add(member)
            for member, path in _own_files():
                with path.open("rb") as stream:
                    root.add(member, stream)
            for member in _members(source):
                root.add(member, source.extractfile(member) if member.isfile() else None)
            self._add_modules(root)
            for name, points_to in recipe.LINKS.items():
                root.add(_link(name, points_to))

    def _add_modules(self, root: "_Root") -> None:
        home = self._work / "lib/modules" / self.kernel_version
        for path in sorted(p for p in home.rglob("*") if p.is_file()):
            place = f"usr/lib/modules/{self.kernel_version}/{path.relative_to(home).as_posix()}"
            with path.open("rb") as stream:
                root.add(_file(place, path), stream)


class _Root:
    """A tar file in which each name occurs once, after the folder that it is in."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._seen: set[str] = set()

    def add(self, member: tarfile.TarInfo, content: IO[bytes] | None = None) -> None:
        """Add a file, folder or link, unless there is one of that name already."""
        if member.name in self._seen:
            return
        for parent in reversed(PurePosixPath(member.name).parents[:-1]):
            self.add(_folder(str(parent)))
        self._seen.add(member.name)
        self._archive.addfile(member, content)


def _copy(source: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    stream = source.extractfile(member)
    if stream is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with stream, target.open("wb") as copy:
        shutil.copyfileobj(stream, copy)


def _members(source: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield what is taken over from the packages, under the name that it gets."""
    for member in source:
        name = member.name.removeprefix("./").rstrip("/")
        place = merged(name)
        if name in ("", ".", *_MERGED) or member.isdev() or is_excluded(place):
            continue
        if place.startswith("usr/lib/modules/") or _is_machines_own(place):
            continue
        member.name = place
        if member.islnk():
            member.linkname = merged(member.linkname.removeprefix("./"))
        yield member


def _is_machines_own(place: str) -> bool:
    """Tell whether mmdebstrap put this there, from the machine that it runs on."""
    settings = ("dev/", "etc/apt/", "etc/dpkg/", "etc/hostname/", "etc/resolv.conf/")
    return f"{place}/".startswith(settings)


def _skeleton() -> Iterator[tarfile.TarInfo]:
    for name in _FOLDERS:
        yield _folder(name, mode={"tmp": 0o1777, "root": 0o700}.get(name, 0o755))
    for name in _MERGED[:3]:
        yield _link(name, f"usr/{name}")
    yield _link("lib64", "usr/lib64")


def _folder(name: str, *, mode: int = 0o755) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    member.mode = mode
    return member


def _link(name: str, points_to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.SYMTYPE
    member.linkname = points_to
    member.mode = 0o777
    return member


def _file(name: str, path: Path) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = path.stat().st_size
    member.mode = 0o755 if recipe.is_script(name) else 0o644
    return member


def _own_files() -> Iterator[tuple[tarfile.TarInfo, Path]]:
    home = recipe.FILES / "root"
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        yield _file(path.relative_to(home).as_posix(), path), path
