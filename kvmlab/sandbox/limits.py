"""What a sandbox may use, and whether it uses more."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sandbox may use.

    Attributes
    ----------
    seconds
        Time of all that runs in it.
    processes
        Processes and threads at once; the kernel refuses more.
    memory_mib
        Memory of all processes together; looked at several times in a second.
    disk_mib
        Size of what is written to its folder; looked at likewise.
    """

    seconds: float = 300.0
    processes: int = 600
    memory_mib: int = 4096
    disk_mib: int = 1024

    def excess(self, outermost: int, folder: Path) -> str:
        """Say what is used too much of; empty if nothing is.

        Parameters
        ----------
        outermost
            Outermost process of the sandbox.
        folder
            Its folder.
        """
        memory = sum(_memory_mib(pid) for pid in processes(outermost))
        if memory > self.memory_mib:
            return f"it used more than {self.memory_mib} MiB of memory"
        if _disk_mib(folder) > self.disk_mib:
            return f"it wrote more than {self.disk_mib} MiB"
        return ""


def processes(outermost: int) -> Iterator[int]:
    """Yield a process and all that descend from it; none leaves, for PID 1 inherits the orphans."""
    yield outermost
    for child in _children(outermost):
        yield from processes(child)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  (Path.glob does not expect it to end)
            children = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
            found += map(int, children.split())
    except OSError:  # it ended just now
        pass
    return found


def _memory_mib(pid: int) -> float:
    """Return what a process holds that no file holds, too (proc_pid_statm(5): resident less shared)."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 0.0
    return (int(resident) - int(shared)) * _PAGE_MIB


def _disk_mib(folder: Path) -> float:
    """Return the size of all files below a folder; no link is followed."""
    blocks = 0
    for where, _folders, files in os.walk(folder, onerror=None):
        for name in files:
            try:
                blocks += os.lstat(os.path.join(where, name)).st_blocks  # noqa: PTH118
            except OSError:
                continue
    return blocks * 512 / 2**20
