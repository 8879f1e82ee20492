"""Run a command on this machine or on a host of a lab, and what all that run commands have in common."""

import contextlib
import os
import queue
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol, TypeAlias

from kvmlab._run.programs import complete_environment
from kvmlab.errors import CommandError, CommandTimeout, ExecutableNotFound

#: Where the streams of :meth:`LocalRunner.popen` may lead, beside files.
PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
#: What :meth:`LocalRunner.popen` returns.
Process: TypeAlias = "subprocess.Popen[bytes]"

#: Prefix of a command that must not outlive this process, whatever ends it
#: (PR_SET_PDEATHSIG, prctl(2)).
BOUND_TO_THIS = ("setpriv", "--pdeathsig", "KILL")
#: Prefix of a command that runs as root of a namespace of its own, with all of
#: the user's subordinate ids (user_namespaces(7), subuid(5)).
MAPPED_ROOT = ("unshare", "--user", "--map-root-user", "--map-auto")


@dataclass(frozen=True, slots=True, repr=False)
class Completed:
    """A command that ended; shows itself as a terminal would.

    Attributes
    ----------
    argv
        The command as it was asked for.
    returncode
        Its exit status; ``-n`` when signal *n* ended it.
    stdout, stderr
        What it printed, decoded as UTF-8.
    elapsed_s
        Wall-clock seconds from start to end.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    elapsed_s: float

    def __repr__(self) -> str:
        ending = "" if self.returncode == 0 else f"(status {self.returncode})"
        parts = (f"$ {shlex.join(self.argv)}", self.stdout.rstrip(), self.stderr.rstrip(), ending)
        return "\n".join(filter(None, parts))

    def check(self) -> "Completed":
        """Return the result itself, or raise if the status is not 0.

        Raises
        ------
        CommandError
            If the exit status is not 0.
        """
        if self.returncode != 0:
            raise CommandError(self.argv, self.returncode, self.stdout, self.stderr)
        return self


class Runner(Protocol):
    """Anything that can run a command: a machine, a host of a lab, a guest."""

    @property
    def name(self) -> str:
        """Name shown beside results."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout_s: float = 60.0,
        stdin: str = "",
        quiet_s: float = 0.0,
    ) -> Completed:
        """Run a command to its end.

        Parameters
        ----------
        argv
            The command.
        check
            Whether a status other than 0 is an error.
        timeout_s
            Seconds after which the command is ended.
        stdin
            Its input.
        quiet_s
            Seconds that it takes at the least, unless it fails: who would
            disturb it by looking whether it runs does not do so meanwhile.

        Raises
        ------
        CommandError
            With ``check``, if the status is not 0.
        CommandTimeout
            If it runs longer than ``timeout_s`` seconds; it is ended first.
        """
        ...

    def stream(self, argv: Sequence[str], *, timeout_s: float = 3600.0) -> Iterator[str]:
        """Yield the lines of standard output as they come, then check the status."""
        ...


@dataclass(frozen=True, slots=True)
class LocalRunner:
    r"""Run commands on this machine, or behind a prefix that enters a namespace.

    Parameters
    ----------
    name
        Name shown beside results.
    prefix
        Arguments put in front of each command, such as an ``nsenter`` line.
    env
        Environment of the commands; the caller's own by default.

    Examples
    --------
    >>> LocalRunner().run(["echo", "hello"])
    $ echo hello
    hello
    >>> LocalRunner().run(["echo", "hello"]).stdout
    'hello\n'
    >>> LocalRunner().run(["false"], check=False).returncode
    1
    """

    name: str = "this machine"
    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] | None = field(default=None, repr=False)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout_s: float = 60.0,
        stdin: str = "",
        quiet_s: float = 0.0,  # the kernel says when it ends: nobody has to look
    ) -> Completed:
        """Run a command to its end; see :meth:`Runner.run`."""
        started = time.monotonic()
        with _started(lambda: self.popen(argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)) as process:
            try:
                stdout, stderr = process.communicate(stdin.encode(), timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                message = f"{' '.join(argv)!r} did not end on {self.name}"
                raise CommandTimeout(message, after_s=timeout_s) from error
        done = Completed(
            tuple(argv),
            process.returncode,
            stdout.decode(errors="replace"),
            stderr.decode(errors="replace"),
            time.monotonic() - started,
        )
        return done.check() if check else done

    def stream(self, argv: Sequence[str], *, timeout_s: float = 3600.0) -> Iterator[str]:
        """Yield lines of standard output as they come; see :meth:`Runner.stream`."""
        deadline = time.monotonic() + timeout_s
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        seen: list[str] = []
        both = subprocess.STDOUT
        with _started(lambda: self.popen(argv, stdin=DEVNULL, stdout=PIPE, stderr=both)) as process:
            reader = threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True)
            process.stdout = None  # the reader's from now on; closing it during a read would wait for that
            reader.start()
            while (line := _next_line(lines, deadline, argv, timeout_s)) is not None:
                seen.append(line)
                yield line
            _wait(process, deadline, argv, timeout_s)
        if process.returncode != 0:
            raise CommandError(tuple(argv), process.returncode, "\n".join(seen[-20:]), "")

    def popen(
        self,
        argv: Sequence[str],
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        keep_fds: Sequence[int] = (),
    ) -> "subprocess.Popen[bytes]":
        """Start a command in a process group of its own and return at once.

        Parameters
        ----------
        argv
            The command.
        stdin, stdout, stderr
            As in :class:`subprocess.Popen`.
        keep_fds
            Further file descriptors that the command inherits.

        Raises
        ------
        ExecutableNotFound
            If the program (or the program of the prefix) is not installed.
        """
        line = [*self.prefix, *argv]
        env = complete_environment(self.env)
        if shutil.which(line[0], path=env["PATH"]) is None:
            raise ExecutableNotFound(line[0])
        return subprocess.Popen(
            line,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            start_new_session=True,
            pass_fds=keep_fds,
        )


@contextlib.contextmanager
def _started(start: Callable[[], Process]) -> Iterator[Process]:
    """Start a command, and kill what is left of its process group at the end."""
    process: Process | None = None
    try:
        with interrupt_held():
            process = start()
        yield process
    finally:
        if process is not None:
            end_group(process)


@contextlib.contextmanager
def interrupt_held() -> Iterator[None]:
    """Hold Ctrl-C back until a command is started and can be ended; then let it have its way."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        handler(*came[0])


def _pump(stream: IO[bytes], lines: "queue.SimpleQueue[str | None]") -> None:
    with stream:
        for line in stream:
            lines.put(line.decode(errors="replace").rstrip("\n"))
    lines.put(None)


def _next_line(
    lines: "queue.SimpleQueue[str | None]", deadline: float, argv: Sequence[str], timeout_s: float
) -> str | None:
    try:
        return lines.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise CommandTimeout(f"{' '.join(argv)!r} did not end", after_s=timeout_s) from None


def _wait(process: "subprocess.Popen[bytes]", deadline: float, argv: Sequence[str], timeout_s: float) -> None:
    """Wait for a command that closed its output."""
    try:
        process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise CommandTimeout(f"{' '.join(argv)!r} did not end", after_s=timeout_s) from None


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of a command's process group and reap the command."""
    # Not poll(): the command may have ended before its children, and as long
    # as it is not reaped no other group can have its number.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def remove_tree(path: Path) -> None:
    """Remove a folder, also where files in it belong to the user's subordinate ids.

    Raises
    ------
    CommandError
        If something in it belongs to somebody else.
    """
    try:
        shutil.rmtree(path)
    except PermissionError:
        LocalRunner().run([*MAPPED_ROOT, "rm", "-rf", "--", str(path)])
    except FileNotFoundError:  # somebody else removes it, too
        if path.exists():
            remove_tree(path)
