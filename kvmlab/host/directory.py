"""Directories of labs: one for each lab that runs, held by a lock.

A lab's processes hold a lock on a file in its directory (flock(2)). So a
directory whose lock is free is what a dead lab left, and whoever comes by
removes it. It is first moved aside under a lock on all directories: nobody
can then mistake it for the new lab of the same name.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from kvmlab._run import remove_tree
from kvmlab.errors import HostError, LabError

#: Prefix of directories that are being removed; no name of a lab begins with it.
_ASIDE = ".ended-"


@contextlib.contextmanager
def made(lab_dir: Path, *, end_bound_s: float) -> Iterator[int]:
    """Make the directory of a new lab and yield its lock; if the block fails, remove it again.

    Parameters
    ----------
    lab_dir
        The directory.
    end_bound_s
        Seconds within which processes of the lab end when the block fails.

    Raises
    ------
    LabError
        If a lab of that name runs.
    HostError
        If the directory cannot be made.
    """
    locks: list[int] = []
    try:
        _claim(lab_dir, locks)
        yield locks[0]
    except BaseException:
        if locks:  # otherwise it is somebody else's
            _close(locks)
            discard(lab_dir, bound_s=end_bound_s)
        raise
    finally:
        _close(locks)


def _close(locks: list[int]) -> None:
    while locks:
        os.close(locks.pop())


def _claim(lab_dir: Path, locks: list[int]) -> None:
    """Make the directory and append its lock to ``locks``."""
    name = lab_dir.name
    try:
        lab_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        discard_if_dead(lab_dir)
        with _all_locked(lab_dir.parent):
            if lab_dir.exists():
                raise LabError(
                    f"a lab named {name!r} runs already",
                    hint=f"attach to it with Lab.attach({name!r}), or end it with `kvmlab down {name}`",
                )
            lab_dir.mkdir(mode=0o700)
            locks.append(os.open(lab_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600))
            fcntl.flock(locks[0], fcntl.LOCK_EX)
    except OSError as error:
        raise HostError(
            f"cannot make the directory of lab {name!r}: {error}",
            hint="mend that, or set KVMLAB_STATE_DIR to a directory of your own",
        ) from error


def is_alive(lab_dir: Path) -> bool:
    """Tell whether a lab runs or is being made: a process of it holds the lock."""
    try:
        lock = os.open(lab_dir / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def discard(lab_dir: Path, *, bound_s: float) -> None:
    """Remove the directory of a lab whose processes are ending; another lab by its name is left alone.

    Parameters
    ----------
    lab_dir
        The directory.
    bound_s
        Seconds to wait for the last process.
    """
    deadline = time.monotonic() + bound_s
    number = lab_dir.stat().st_ino
    while is_alive(lab_dir) and lab_dir.stat().st_ino == number and time.monotonic() < deadline:
        time.sleep(0.01)
    discard_if_dead(lab_dir)


def discard_if_dead(lab_dir: Path) -> None:
    """Remove the directory of a lab unless one of that name runs."""
    with _all_locked(lab_dir.parent):
        aside = _move_aside_if_dead(lab_dir)
    if aside is not None:
        remove_tree(aside)


def discard_all_dead(labs: Path) -> None:
    """Remove what labs left whose processes are gone."""
    if not labs.is_dir():
        return
    with _all_locked(labs):
        found = [path for path in labs.iterdir() if path.is_dir()]
        aside = [path if path.name.startswith(_ASIDE) else _move_aside_if_dead(path) for path in found]
    for path in filter(None, aside):
        remove_tree(path)


def _move_aside_if_dead(lab_dir: Path) -> Path | None:
    """Return where it is now; None if there is none, or it is alive."""
    if not lab_dir.is_dir() or is_alive(lab_dir):
        return None
    aside = lab_dir.with_name(f"{_ASIDE}{lab_dir.name}-{os.getpid()}-{lab_dir.stat().st_ino}")
    return lab_dir.rename(aside)


@contextlib.contextmanager
def _all_locked(labs: Path) -> Iterator[None]:
    """Hold off other processes that make or discard directories of labs."""
    with (labs / ".lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
