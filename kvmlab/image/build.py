"""Build a guest image from the distribution's packages; no root is needed.

mmdebstrap fetches and unpacks the packages as a tar file, :mod:`archive` sorts
it, squashfs-tools pack the root file system. Nothing of the packages is run.
"""

import contextlib
import datetime as dt
import errno
import fcntl
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kvmlab._progress import Progress, Silent
from kvmlab._run import LocalRunner, end_group
from kvmlab.errors import CommandError, ImageError, KvmlabError
from kvmlab.image import distribution as distributions
from kvmlab.image import kernel, modules, recipe, store
from kvmlab.image.archive import Sorter
from kvmlab.image.distribution import Distribution
from kvmlab.image.recipe import Architecture
from kvmlab.image.store import Image

#: Seconds for fetching and unpacking the packages, on a slow line.
FETCH_BOUND_S = 3600.0
#: Seconds for packing; about 10 on two CPUs.
PACK_BOUND_S = 600.0
#: Shares of the whole at which each part ends, as seen on a fast line.
_FETCHED, _SORTED, _PACKED = 0.6, 0.75, 0.97

_GET = re.compile(r"Get:(\d+) \S+ \S+ \S+ (\S+) \S+ (\S+) \[")
_TOTAL = re.compile(r"(\d+) newly installed")


def this_recipe() -> str:
    """Return the digest of the recipe for an image of this machine's own distribution."""
    arch = recipe.architecture(platform.machine())
    return recipe.digest(arch, distributions.this_distribution().suite)


def build_image(*, progress: Progress | None = None, force: bool = False) -> Image:
    """Build the guest image, unless there is one of the same recipe.

    Takes half a minute and more, depending on the line; needs about 1.5 GB
    of disk meanwhile. An interrupted build leaves what was there before.

    Parameters
    ----------
    progress
        Told the steps and the share that is done.
    force
        Build even if the recipe did not change, for newer packages.

    Returns
    -------
    Image
        The new image, or the present one of the same recipe.

    Raises
    ------
    ImageError
        If this distribution is unknown, the packages cannot be fetched, or the disk is full.
    ExecutableNotFound
        If a tool is missing; `kvmlab doctor` says which.
    """
    arch, distribution = recipe.architecture(platform.machine()), distributions.this_distribution()
    digest = recipe.digest(arch, distribution.suite)
    home = store.images_dir()
    home.mkdir(parents=True, exist_ok=True)
    steps = progress or Silent()
    with _only_builder(home, steps):
        present = next((image for image in store.list_images() if image.recipe == digest), None)
        if present is not None and not force:
            return present
        for left in home.glob(f"{store.UNFINISHED}*"):  # of a build that was killed
            shutil.rmtree(left)
        name = f"{distribution.name}-{digest[:8]}"
        with _building_folder(home, name) as folder:
            _Build(arch, distribution, folder, steps).run(digest)
            _put_in_place(folder, home / name)
    return store.find_image(name)


@contextlib.contextmanager
def _only_builder(home: Path, steps: Progress) -> Iterator[None]:
    """Wait until no other process builds."""
    with (home / ".lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.step("waiting for another build to end")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _building_folder(home: Path, name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"{store.UNFINISHED}{name}-", dir=home))
    folder.chmod(0o755)
    try:
        yield folder
    except (OSError, CommandError) as error:
        raise _explained(error, home, name) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _explained(error: OSError | CommandError, home: Path, name: str) -> KvmlabError:
    text = str(error)
    is_full = getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in text
    if is_full or shutil.disk_usage(home).free < 2**20:
        return ImageError(
            f"guest image {name!r}: the disk that holds {home} is full",
            hint="free some 1.5 GB there, or set KVMLAB_CACHE_DIR to a folder on another disk",
        )
    return ImageError(
        f"guest image {name!r} could not be built: {text}", hint="does `sudo apt-get update` work here?"
    )


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename the finished folder; guests that run from an older one keep its files open."""
    old = target.with_name(f"{store.UNFINISHED}{target.name}-old")
    if target.exists():
        target.rename(old)
    folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)


class _Build:
    """One build, in a folder of its own."""

    def __init__(self, arch: Architecture, distribution: Distribution, folder: Path, steps: Progress) -> None:
        self._arch = arch
        self._distribution = distribution
        self._folder = folder
        self._work = folder / "work"
        self._steps = steps

    def run(self, digest: str) -> None:
        """Make the three files and the manifest."""
        self._work.mkdir()
        packages = self._fetch()
        self._steps.step("sorting files", done=_FETCHED)
        sorter = Sorter(self._work / "packages.tar", self._work)
        sorter.take_kernel()
        version = sorter.kernel_version
        if not version:
            raise ImageError(f"no kernel is in the packages {', '.join(self._kernel_packages())}")
        dependencies = modules.keep_selected(self._work, version)
        sorter.write_root(self._work / "root.tar")
        (self._work / "packages.tar").unlink()
        self._pack_root()
        self._steps.step("packing the kernel", done=_PACKED)
        kernel.extract(
            self._work / "vmlinuz", self._folder / "kernel", kernel_format=self._arch.kernel_format
        )
        order = modules.load_order(recipe.INITRD_MODULES, dependencies)
        self._pack_initrd(version, order)
        shutil.rmtree(self._work)
        self._write_manifest(digest, version, packages)

    def _kernel_packages(self) -> tuple[str, ...]:
        return tuple(self._arch.kernel_packages[self._distribution.id])

    def _fetch(self) -> dict[str, str]:
        """Fetch and unpack the packages into a tar file; return their versions."""
        self._steps.step("fetching packages", done=0.0)
        sources = distributions.source_lines(self._distribution)
        names = ",".join([*recipe.PACKAGES, *self._kernel_packages()])
        line = [
            *("mmdebstrap", "--variant=extract", "--verbose", f"--architectures={self._arch.debian}"),
            *(f"--mode={'root' if os.geteuid() == 0 else 'unshare'}", f"--include={names}"),
            *('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Retries "3"'),
            *(self._distribution.suite, str(self._work / "packages.tar"), *sources),
        ]
        versions: dict[str, str] = {}
        total = 0
        env = {**os.environ, "TMPDIR": str(self._scratch())}
        for text in LocalRunner(env=env).stream(line, timeout_s=FETCH_BOUND_S):
            if found := _TOTAL.search(text):
                total = int(found[1])
            elif (found := _GET.match(text)) and total:
                versions[found[2]] = found[3]
                share = min(1.0, len(versions) / total)
                self._steps.step(f"fetching {found[2]}", done=0.8 * _FETCHED * share)
                if share == 1.0:
                    self._steps.step("unpacking packages", done=0.8 * _FETCHED)
        return dict(sorted(versions.items()))

    def _scratch(self) -> Path:
        """Return a folder that the mapped users of mmdebstrap may enter and write in."""
        scratch = self._work / "tmp"
        scratch.mkdir()
        scratch.chmod(0o1777)
        return scratch

    def _pack_root(self) -> None:
        """Pack the root file system with lz4, which unpacks the fastest under emulation."""
        self._steps.step("packing the root file system", done=_SORTED)
        target = self._folder / "root.squashfs"
        line = ["sqfstar", "-comp", "lz4", "-Xhc", "-b", "256K", "-quiet", "-no-progress", str(target)]
        with (
            (self._work / "root.tar").open("rb") as stdin,
            (self._work / "sqfstar.log").open("w+b") as log,
        ):
            process = LocalRunner().popen(line, stdin=stdin, stdout=log, stderr=log)
            try:
                status = process.wait(timeout=PACK_BOUND_S)
            finally:
                end_group(process)
            log.seek(0)
            said = log.read().decode(errors="replace")
        if status != 0:
            raise CommandError(line, status, "", said)

    def _pack_initrd(self, version: str, order: list[str]) -> None:
        tree = self._work / "initrd"
        for name in ("bin", "modules", "dev", "proc", "sys", "lower", "upper", "root"):
            (tree / name).mkdir(parents=True)
        shutil.copy(self._work / "busybox", tree / "bin/busybox")
        shutil.copy(recipe.FILES / "initrd/init", tree / "init")
        for path in (tree / "bin/busybox", tree / "init"):
            path.chmod(0o755)
        for name in recipe.INITRD_COMMANDS:
            (tree / "bin" / name).symlink_to("busybox")
        home = self._work / "lib/modules" / version / "kernel"
        for name in order:
            shutil.copy(home / f"{name}.ko", tree / "modules")
        listed = "".join(f"{Path(name).name}.ko\n" for name in order)
        (tree / "modules/order").write_text(listed, encoding="ascii")
        paths = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*"))
        # Not packed: unpacking takes longer under emulation than reading does.
        line = ["cpio", "--create", "--format=newc", "--owner=+0:+0", "--quiet", f"--directory={tree}"]
        line.append(f"--file={self._folder / 'initrd'}")
        LocalRunner().run(line, stdin="".join(f"{path}\n" for path in paths), timeout_s=PACK_BOUND_S)

    def _write_manifest(self, digest: str, version: str, packages: dict[str, str]) -> None:
        files = {name: store.file_entry(self._folder / name) for name in store.FILES}
        content = store.content_digest(files)
        now = dt.datetime.now(dt.UTC)
        manifest = {
            "distribution": self._distribution.name,
            "architecture": self._arch.machine,
            "kernel_version": version,
            "built": now.isoformat(timespec="seconds"),
            "digest": content,
            "recipe": digest,
            "cmdline": recipe.cmdline(self._arch),
            "files": files,
            "packages": packages,
        }
        path = self._folder / store.MANIFEST
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
