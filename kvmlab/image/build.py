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
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from kvmlab._progress import Progress, Silent
from kvmlab._run import LocalRunner, end_group, remove_tree, require
from kvmlab.errors import CommandError, ImageError, KvmlabError
from kvmlab.image import distribution as distributions
from kvmlab.image import kernel, modules, packages, recipe, store
from kvmlab.image.archive import Sorter
from kvmlab.image.distribution import Distribution
from kvmlab.image.recipe import Architecture
from kvmlab.image.store import Image

#: Programs that a build starts.
_PROGRAMS = ("unshare", "setpriv", "mmdebstrap", "depmod", "sqfstar", "cpio")
#: Seconds for packing; about 10 on two CPUs.
PACK_BOUND_S = 600.0
#: Shares of the whole at which each part ends, as seen on a fast line.
_FETCHED, _SORTED, _PACKED = 0.6, 0.75, 0.97
#: What the programs say when there is no space left: apt, and the others.
_FULL = ("enough free space", "No space left on device")


def this_recipe() -> str:
    """Return the digest of the recipe for an image of this machine's own distribution."""
    arch = recipe.architecture(platform.machine())
    return recipe.digest(arch, distributions.this_distribution().suite)


def build_image(
    *, progress: Progress | None = None, force: bool = False, sources: Sequence[str] | None = None
) -> Image:
    """Build the guest image, unless there is one of the same recipe.

    Takes half a minute and more, depending on the line; needs about 1.3 GB of
    disk meanwhile. An interrupted build leaves what was there before.

    Parameters
    ----------
    progress
        Told the steps and the share that is done.
    force
        Build even if the recipe did not change, for newer packages.
    sources
        Where the packages come from, in lines as in sources.list(5); None for
        the machine's own sources.

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
        for left in home.glob(f"{store.UNFINISHED}*"):  # of a build that was killed
            remove_tree(left)
        present = next((image for image in store.whole_images() if image.recipe == digest), None)
        if present is not None and not force:
            return present
        require(*_PROGRAMS)
        name = f"{distribution.name}-{digest[:8]}"
        with _building_folder(home, name) as folder:
            _Build(arch, distribution, folder, steps).run(digest, sources)
            store.put_in_place(folder, home / name)
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
    except (OSError, CommandError, ImageError) as error:
        raise _explained(error, home, name) from error
    finally:
        remove_tree(folder)


def _explained(error: OSError | KvmlabError, home: Path, name: str) -> KvmlabError:
    text = str(error)
    if getattr(error, "errno", None) == errno.ENOSPC or any(words in text for words in _FULL):
        return ImageError(
            f"guest image {name!r}: the disk that holds {home} is full",
            hint="free some 1.5 GB there, or set KVMLAB_CACHE_DIR to a folder on another disk",
        )
    hint = getattr(error, "hint", "") or "does `sudo apt-get update` work here?"
    return ImageError(f"guest image {name!r} could not be built: {text}", hint=hint)


class _Build:
    """One build, in a folder of its own."""

    def __init__(self, arch: Architecture, distribution: Distribution, folder: Path, steps: Progress) -> None:
        self._arch = arch
        self._distribution = distribution
        self._folder = folder
        self._work = folder / "work"
        self._steps = steps

    def run(self, digest: str, sources: Sequence[str] | None) -> None:
        """Make the three files and the manifest."""
        self._work.mkdir()
        versions = self._fetch(sources)
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
        self._write_manifest(digest, version, versions)

    def _kernel_packages(self) -> tuple[str, ...]:
        return tuple(self._arch.kernel_packages[self._distribution.id])

    def _fetch(self, sources: Sequence[str] | None) -> dict[str, str]:
        """Fetch and unpack the packages into a tar file; return their versions."""
        self._steps.step("fetching packages", done=0.0)
        kernels = self._kernel_packages()
        if sources is None:
            sources = distributions.source_lines(self._distribution)
            kernels = tuple(distributions.without_firmware(kernels))
        selection = packages.Selection(
            suite=self._distribution.suite,
            architecture=self._arch.debian,
            names=(*recipe.PACKAGES, *kernels),
            sources=sources,
        )
        scratch = self._work / "tmp"
        scratch.mkdir()
        return packages.fetch(selection, self._work / "packages.tar", scratch, self._steps, share=_FETCHED)

    def _pack_root(self) -> None:
        """Pack the root file system with lz4, which unpacks the fastest under emulation."""
        self._steps.step("packing the root file system", done=_SORTED)
        target = self._folder / "root.squashfs"
        line = ["sqfstar", "-comp", "lz4", "-Xhc", "-b", "128K", "-root-mode", "755"]
        line += ["-quiet", "-no-progress", str(target)]
        # As root, because the top folder gets the owner that sqfstar runs as. What
        # it says goes to memory, because the disk may be full.
        runner = LocalRunner(prefix=packages.own_root())
        with (self._work / "root.tar").open("rb") as stdin, os.fdopen(os.memfd_create("said"), "w+b") as log:
            process = runner.popen(line, stdin=stdin, stdout=log, stderr=log)
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

    def _write_manifest(self, digest: str, version: str, versions: dict[str, str]) -> None:
        files = {name: store.file_entry(self._folder / name) for name in store.FILES}
        content = store.content_digest(files)
        now = dt.datetime.now(dt.UTC)
        manifest = {
            "format": recipe.FORMAT,
            "distribution": self._distribution.name,
            "architecture": self._arch.machine,
            "kernel_version": version,
            "built": now.isoformat(timespec="seconds"),
            "digest": content,
            "recipe": digest,
            "cmdline": recipe.cmdline(self._arch),
            "files": files,
            "packages": versions,
        }
        path = self._folder / store.MANIFEST
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
