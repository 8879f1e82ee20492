"""Who runs in a sandbox: what was there before, and what came since."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmlab.sandbox.limits import processes

#: Seconds in which processes must have been ended, whatever they do to multiply.
_BOUND_S = 15.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from another one that gets its number later by when it started."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Census:
    """The processes of a sandbox at one moment.

    Attributes
    ----------
    outermost
        Its outermost process.
    members
        All processes.
    spared
        PID namespaces whose processes may come and go, such as that of a lab.
    """

    outermost: int
    members: frozenset[Process]
    spared: frozenset[str]

    @classmethod
    def take(cls, outermost: int, *, spared: Iterable[int]) -> "Census":
        """Count the processes of a sandbox.

        Parameters
        ----------
        outermost
            Its outermost process.
        spared
            One process of each PID namespace whose processes may come and go.
        """
        spaces = frozenset(filter(None, map(_namespace, spared)))
        return cls(outermost, frozenset(_present(outermost)), spaces)

    def end_others(self) -> bool:
        """Kill all that came since; tell whether that was possible."""
        deadline = time.monotonic() + _BOUND_S
        while others := self._others():
            if time.monotonic() > deadline:
                return False
            for number in (signal.SIGSTOP, signal.SIGKILL):  # first none may multiply any more
                for pid in others:
                    with contextlib.suppress(OSError):
                        os.kill(pid, number)
        return True

    def _others(self) -> list[int]:
        found = [one for one in _present(self.outermost) if one not in self.members]
        return [one.pid for one in found if _namespace(one.pid) not in (*self.spared, "")]


def _present(outermost: int) -> Iterator[Process]:
    for pid in processes(outermost):
        if started := start_of(pid):
            yield Process(pid, started)


def start_of(pid: int) -> str:
    """Return when a process started, in ticks since the machine did; empty if it has ended."""
    try:
        # field 22; the name, which may have blanks, ends with the last bracket (proc_pid_stat(5))
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""
