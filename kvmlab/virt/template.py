"""Instant guests: one booted guest is saved, and every other starts from it.

The template boots once, without NICs, with its memory in a shared file. QEMU
then saves only the device state (migration capability ``x-ignore-shared``);
the memory file itself is the saved memory. Each guest maps that file privately:
nothing is copied, and what guests do not change they share (QEMU,
docs/devel/vm-templating.rst).
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import libvirt

from kvmlab._progress import Progress
from kvmlab.errors import BootTimeout, GuestError, ImageError, LibvirtError
from kvmlab.spec import guest
from kvmlab.virt.connection import Connection, qmp
from kvmlab.virt.origin import Origin
from kvmlab.virt.port import GuestPort

#: Seconds in which a template must have booted (some 3 s under emulation on a quiet machine).
BOOT_BOUND_S = 120.0
#: Seconds in which a saved state must have been read or written.
STATE_BOUND_S = 60.0
#: What the folder of a template that is being made has in its name.
_UNFINISHED = ".unfinished-"
#: QEMU's name for the file with the device state, while it is open.
_STATE_FD = "kvmlab-state"
_IGNORE_SHARED = [{"capability": "x-ignore-shared", "state": True}]


@dataclass(frozen=True, slots=True)
class Template:
    """A saved guest: its memory and its device state.

    Attributes
    ----------
    path
        Directory of its files.
    memory_mib
        Size of its memory.
    origin
        What it is made from.
    """

    path: Path
    memory_mib: int
    origin: Origin | None = None

    @property
    def ram(self) -> Path:
        """The memory file, as large as the guest's memory (sparse)."""
        return self.path / "ram"

    @property
    def state(self) -> Path:
        """The device state, some hundred KiB."""
        return self.path / "state"

    def exists(self) -> bool:
        """Tell whether the template was finished."""
        return self.state.is_file() and self.ram.is_file()

    def _memory_args(self, share: str) -> list[str]:
        backend = (
            f"memory-backend-file,id=kvmlab.ram,mem-path={self.ram},size={self.memory_mib}M,share={share}"
        )
        return ["-object", backend, "-machine", "memory-backend=kvmlab.ram"]

    def build_args(self) -> list[str]:
        """Return QEMU arguments of the guest that becomes the template."""
        return self._memory_args("on")

    def clone_args(self) -> list[str]:
        """Return QEMU arguments of a guest that starts from the template."""
        return [*self._memory_args("off"), "-incoming", "defer"]


def ensure(
    template: Template,
    make_xml: Callable[[str, list[str]], str],
    *,
    connection: Connection,
    progress: Progress,
) -> None:
    """Make the template if it does not exist; one process at a time.

    Parameters
    ----------
    template
        What to make, and where.
    make_xml
        Returns the domain XML of the template, given its name and extra QEMU arguments.
    connection
        Libvirt that boots it.
    progress
        Told the steps.

    Raises
    ------
    BootTimeout
        If the guest does not boot in time.
    ImageError
        If there is no room for it.
    LibvirtError
        If libvirt or QEMU refuse.
    """
    if template.exists():
        return
    home = template.path.parent
    home.mkdir(parents=True, exist_ok=True)
    with _locked(_lock_path(template.path)):
        if not template.exists():
            _discard_unfinished(template)
            _check_room(template)
            progress.step("booting the template guest once")
            with _building_folder(template) as unfinished:
                _build(unfinished, make_xml, connection)
                unfinished.path.rename(template.path)


def _discard_unfinished(template: Template) -> None:
    """Remove what a killed process left; only who holds the lock may."""
    for left in template.path.parent.glob(f"{template.path.name}{_UNFINISHED}*"):
        shutil.rmtree(left)
    if template.path.exists():
        shutil.rmtree(template.path)


def _check_room(template: Template) -> None:
    """Refuse to begin on a disk that is too small: a guest whose memory cannot grow dies without a word."""
    home = template.path.parent
    free_mib = shutil.disk_usage(home).free >> 20
    if free_mib < template.memory_mib:
        raise ImageError(
            f"a saved guest needs {template.memory_mib} MiB in {home}, where {free_mib} MiB are free",
            hint="free some, set KVMLAB_CACHE_DIR to a folder on another disk, or start with instant=False",
        )


@contextlib.contextmanager
def _building_folder(template: Template) -> Iterator[Template]:
    """Yield a template in a folder of its own, in which no QEMU of an earlier attempt can still write."""
    prefix = f"{template.path.name}{_UNFINISHED}"
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=template.path.parent))
    folder.chmod(0o755)
    try:
        yield replace(template, path=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(template: Template, make_xml: Callable[[str, list[str]], str], connection: Connection) -> None:
    with template.ram.open("wb") as ram:
        ram.truncate(template.memory_mib << 20)
    xml = make_xml(f"template-{os.getpid()}-{threading.get_ident()}", template.build_args())
    with connection.translated("boot the template guest") as vir:
        # libvirt ends it when this connection ends: so a killed process leaves no guest.
        domain = vir.createXML(xml, libvirt.VIR_DOMAIN_START_AUTODESTROY)
        try:
            with GuestPort(domain, guest.IDENTITY_PORT) as port:
                _wait_until_calm(domain, port)
                _save(domain, template)
                if template.origin is not None:
                    template.origin.write(template.path)
        finally:
            with contextlib.suppress(LibvirtError), connection.translated("end the template guest"):
                domain.destroy()


def _wait_until_calm(domain: Any, port: GuestPort) -> None:
    """Wait until the guest has booted and nothing in it has work to do."""
    said = port.receive(timeout_s=BOOT_BOUND_S)
    if said == "ready":
        return
    hint = "build the image again with `kvmlab image build --force`"
    if said is None and domain.isActive():
        raise BootTimeout("the template guest did not boot", after_s=BOOT_BOUND_S, hint=hint)
    raise GuestError(domain.name(), f"said {said!r}" if said else "ended while it booted", hint=hint)


def _save(domain: Any, template: Template) -> None:
    qmp(domain, "stop")
    qmp(domain, "migrate-set-capabilities", capabilities=_IGNORE_SHARED)
    with template.state.open("wb") as state:
        qmp(domain, "getfd", file=state, fdname=_STATE_FD)
    qmp(domain, "migrate", uri=f"fd:{_STATE_FD}")
    _wait_for_migration(domain)


def load(domain: Any, template: Template) -> None:
    """Load the template's state into a paused domain that was started with its ``clone_args``.

    Raises
    ------
    LibvirtError
        If QEMU cannot read the state.
    """
    try:
        qmp(domain, "migrate-set-capabilities", capabilities=_IGNORE_SHARED)
        with template.state.open("rb") as state:
            qmp(domain, "getfd", file=state, fdname=_STATE_FD)
        qmp(domain, "migrate-incoming", uri=f"fd:{_STATE_FD}")
        _wait_for_migration(domain)
    except libvirt.libvirtError as error:  # QEMU ends at a state that it cannot read
        raise _unreadable(domain, str(error)) from error


def _wait_for_migration(domain: Any) -> None:
    deadline = time.monotonic() + STATE_BOUND_S
    while (status := qmp(domain, "query-migrate").get("status", "none")) != "completed":
        if status == "failed" or time.monotonic() > deadline:
            raise _unreadable(domain, status)
        time.sleep(0.005)


def _unreadable(domain: Any, said: str) -> LibvirtError:
    return LibvirtError(
        f"the saved guest could not be loaded or stored on domain {domain.name()!r}: {said}",
        hint="start with instant=False, or first run `kvmlab image remove --templates`",
    )


def is_being_made(path: Path) -> bool:
    """Tell whether this is the directory of a template that a process makes now."""
    if _UNFINISHED not in path.name:
        return False
    try:
        with _locked(_lock_path(path), wait=False):
            return False
    except BlockingIOError:
        return True


def discard(path: Path) -> None:
    """Remove a template, whole or unfinished, unless a process makes it now."""
    with contextlib.suppress(BlockingIOError), _locked(_lock_path(path), wait=False):
        shutil.rmtree(path, ignore_errors=True)
        _lock_path(path).unlink(missing_ok=True)


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name.split('.')[0]}.lock")


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock; who gets it last may have to make the file again, because the holder removed it."""
    while True:
        with path.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, stream.fileno()):
                yield
                return


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether an open file is still the one with this name."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    return False
