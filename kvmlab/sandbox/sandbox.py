"""Start a sandbox, talk to what runs in it, and end it."""

import contextlib
import fcntl
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from kvmlab import _paths
from kvmlab._run import (
    BOUND_TO_THIS,
    MAPPED_ROOT,
    PIPE,
    LocalRunner,
    Process,
    complete_environment,
    remove_tree,
)
from kvmlab.errors import HostError, KvmlabError
from kvmlab.host.namespaces import is_real_root
from kvmlab.sandbox.limits import Limits
from kvmlab.sandbox.plan import Plan

#: Seconds between two looks at what a sandbox uses.
_LOOK_S = 0.25
#: Longest line that is read from a sandbox.
_LINE_BYTES = 65536
_END_BOUND_S = 20.0


class Sandbox:
    """A sandbox in which one command runs; a context manager that ends it, with all that is in it.

    Parameters
    ----------
    limits
        What it may use.

    Raises
    ------
    HostError
        As root: what is in it would be the machine's root.

    Attributes
    ----------
    folder
        A folder of its own, at the same place inside and outside; removed at the end.
    """

    def __init__(self, limits: Limits) -> None:
        if is_real_root():
            raise HostError(
                "what is not trusted is not run by root",
                hint="run this as an ordinary user; `kvmlab doctor` says whether that works here",
            )
        self.limits = limits
        home = _paths.state_dir() / "boxes"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._base, self._lock = _claimed(home)
        self.folder = self._base / "f"  # short: paths of sockets are below it
        self._process: Process | None = None
        self._rest = b""
        self._deadline = time.monotonic() + limits.seconds

    def __enter__(self) -> "Sandbox":
        self.folder.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
            remove_tree(self._base)
        finally:
            os.close(self._lock)

    @property
    def state_dir(self) -> Path:
        """Where labs of the sandbox are."""
        return self.folder / "s"

    @property
    def outermost(self) -> int:
        """Process id of the outermost process."""
        return self._running().pid

    def start(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start the command.

        Parameters
        ----------
        argv
            The command.
        env
            Its environment, beside what a sandbox sets itself.
        """
        plan = self._plan()
        plan.write(self._base / "plan.json")
        line = [*BOUND_TO_THIS, *MAPPED_ROOT]
        line += ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        line += [sys.executable, "-m", "kvmlab.sandbox.outer", str(self._base / "plan.json"), *argv]
        with (self._base / "log").open("wb") as log:
            self._process = LocalRunner(env=self._environment(env)).popen(
                line, stdin=PIPE, stdout=PIPE, stderr=log
            )

    def _plan(self) -> Plan:
        package = Path(__file__).parent.parent
        cache, own = _paths.cache_dir(), _paths.personal_cache_dir()
        own.mkdir(parents=True, exist_ok=True)
        (self._base / "root").mkdir()
        return Plan(
            folder=str(self.folder),
            root=str(self._base / "root"),
            readable=tuple(dict.fromkeys(map(str, (sys.prefix, sys.base_prefix, package)))),
            hidden=(str(package / "course"),),
            layered=str(cache),
            layer=str(self._base / "layer"),
            # inside it is root that looks for what is its own
            aliases=((own.name, "user-0"),),
            processes=self.limits.processes,
        )

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), complete_environment()["PATH"]])
        own = {
            "PATH": path,
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "KVMLAB_STATE_DIR": str(self.state_dir),
            "KVMLAB_CACHE_DIR": str(_paths.cache_dir()),
        }
        return {**own, **env}

    def tell(self, line: str) -> None:
        """Send the command a line; nothing happens if it has ended."""
        process = self._running()
        assert process.stdin is not None  # PIPE
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()

    def listen(self) -> str | None:
        """Return the next line that the command prints; None if it ended.

        Raises
        ------
        TimeoutError
            If its time is over.
        ResourceWarning
            If it used too much of something; the message says of what.
        """
        process = self._running()
        assert process.stdout is not None  # PIPE
        while b"\n" not in self._rest and len(self._rest) < _LINE_BYTES:
            if select.select([process.stdout], [], [], _LOOK_S)[0]:
                part = os.read(process.stdout.fileno(), _LINE_BYTES)
                if not part:
                    return None
                self._rest += part
            elif time.monotonic() > self._deadline:
                raise TimeoutError(f"it ran longer than {self.limits.seconds:g} s")
            if excess := self.limits.excess(process.pid, self.folder):
                raise ResourceWarning(excess)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    def _running(self) -> Process:
        assert self._process is not None, "start() it first"
        return self._process

    def log_tail(self) -> str:
        """Return what was printed as errors, at the end."""
        return (self._base / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def end(self) -> None:
        """Kill the outermost process, and with it all others."""
        if self._process is None or self._process.returncode is not None:
            return
        watched = list(_held(self._process.pid))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_END_BOUND_S)
        for descriptor in watched:
            select.select([descriptor], [], [], _END_BOUND_S)
            os.close(descriptor)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _claimed(home: Path) -> tuple[Path, int]:
    """Make a folder and hold it by a lock; remove those that a process left that was killed."""
    with (home / ".lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        for other in home.glob("[!.]*/"):
            with contextlib.suppress(BlockingIOError, OSError, KvmlabError):
                lock = os.open(other / "lock", os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(other)
                finally:
                    os.close(lock)
        base = Path(tempfile.mkdtemp(dir=home, prefix=""))
        lock = os.open(base / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return base, lock


def _held(outermost: int) -> Iterator[int]:
    """Yield a descriptor of PID 1 of a sandbox: it has ended when the kernel has ended all of it."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{outermost}/task/{outermost}/children").read_text(encoding="ascii")
        for child in children.split():
            with contextlib.suppress(ProcessLookupError):
                yield os.pidfd_open(int(child))
