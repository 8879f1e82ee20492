"""The unpacked packages as a tar file, on their way into an image.

Files are sorted here without being unpacked: so owners and modes stay as the
packages have them, and no root and no namespace is needed.
"""

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

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
        """Write the root file system as a tar file: packages, modules, kvmlab's own files."""
        with tarfile.open(self._packages) as source, tarfile.open(target, "w") as archive:
            own = dict(_own_files())
            seen = {"."}
            for member in _links(_FOLDERS):
                seen.add(member.name)
                archive.addfile(member)
            for member, open_ in _members(source):
                if member.name not in seen and member.name not in own:
                    seen.add(member.name)
                    archive.addfile(member, open_())
            self._add_modules(archive)
            for name, member in own.items():
                with (recipe.FILES / "root" / name).open("rb") as stream:
                    archive.addfile(member, stream)
            for name, points_to in recipe.LINKS.items():
                if name not in seen:
                    archive.addfile(_link(name, points_to))

    def _add_modules(self, archive: tarfile.TarFile) -> None:
        home = self._work / "lib/modules" / self.kernel_version
        for path in sorted(p for p in home.rglob("*") if p.is_file()):
            name = f"usr/lib/modules/{self.kernel_version}/{path.relative_to(home).as_posix()}"
            archive.add(path, name, filter=_of_root)


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def _copy(source: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    stream = source.extractfile(member)
    if stream is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with stream, target.open("wb") as copy:
        shutil.copyfileobj(stream, copy)


def _members(
    source: tarfile.TarFile,
) -> Iterator[tuple[tarfile.TarInfo, Callable[[], io.BufferedIOBase | None]]]:
    for member in source:
        name = member.name.removeprefix("./").rstrip("/")
        if not name or name in _MERGED or member.isdev():
            continue
        place = merged(name)
        if is_excluded(place) or place.startswith("usr/lib/modules/"):
            continue
        member.name = place
        if member.islnk():
            member.linkname = merged(member.linkname.removeprefix("./"))
        file = member.isfile()
        yield member, (lambda m=member, f=file: source.extractfile(m) if f else None)  # type: ignore[misc]


def _links(folders: tuple[str, ...]) -> Iterator[tarfile.TarInfo]:
    for name in folders:
        member = tarfile.TarInfo(name)
        member.type = tarfile.DIRTYPE
        member.mode = {"tmp": 0o1777, "root": 0o700}.get(name, 0o755)
        yield member
    for name in _MERGED[:3]:
        yield _link(name, f"usr/{name}")
    yield _link("lib64", "usr/lib64")


def _link(name: str, points_to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.SYMTYPE
    member.linkname = points_to
    member.mode = 0o777
    return member


def _own_files() -> Iterator[tuple[str, tarfile.TarInfo]]:
    home = recipe.FILES / "root"
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        member = tarfile.TarInfo(path.relative_to(home).as_posix())
        member.size = path.stat().st_size
        member.mode = 0o755 if recipe.is_script(member.name) else 0o644
        yield member.name, member
