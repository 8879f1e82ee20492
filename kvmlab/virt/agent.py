"""Run commands in a guest through the QEMU guest agent.

The protocol is QEMU's (qemu-ga-ref(7)): ``guest-exec`` starts a program,
``guest-exec-status`` tells whether it ended and what it printed. Output comes
only at the end, so long commands write to a file that is read meanwhile.

Agent and command share the guest's CPU: what the agent does while a
measurement runs is measured too. Each line of output would wake it, which
made the round-trip times that ping printed a fifth longer under emulation. So
a command that is to be left in peace prints into a file, as one typed by hand
with its output redirected does.
"""

import base64
import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import libvirt

from kvmlab._run import Completed, interrupt_held
from kvmlab.errors import CommandTimeout, GuestError, KvmlabError
from kvmlab.virt import condition
from kvmlab.virt.connection import Connection, agent_command

#: Seconds that the agent may take for one of its own short answers.
AGENT_BOUND_S = 10
#: Seconds between two looks at a running command, at first and at the most,
#: and by how much they grow. Under emulation each look takes 2 ms of the guest's
#: CPU, so a long command is looked at rarely: 15 times in 3 s.
POLL_FIRST_S, POLL_MOST_S, POLL_GROWTH = 0.004, 0.5, 1.6
#: Seconds between the first two looks at a command that was left in peace, when its time is over.
QUIET_FIRST_S = 0.02
#: Status of a shell that found no such program (POSIX, 2.8.2).
_NO_PROGRAM = 127

#: Shell text: runs the command that follows the name of a file, with its output in that, or with all it says.
_INTO_FILE = 'out=$1; shift; exec "$@" >"$out"'
_ALL_INTO_FILE = f"{_INTO_FILE} 2>&1"
#: Shell text: kills a process and all below it. Each stands still first, so that it starts no more.
_KILL_TREE = """\
kill_tree() {
    kill -STOP "$1" || return
    for child in $(pgrep -P "$1"); do kill_tree "$child"; done
    kill -KILL "$1"
}
kill_tree "$1" """


class Agent:
    """The guest agent of one domain.

    Parameters
    ----------
    connection
        Connection to the libvirt that runs the domain.
    name
        Name of the domain.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def command(self, command: str, **arguments: object) -> Any:
        """Send one agent command and return its result.

        Raises
        ------
        GuestError
            If the domain does not run or its agent does not answer.
        """
        with self._connection.translated(f"reach the agent of guest {self.name!r}") as vir:
            domain = vir.lookupByName(self.name)
            try:
                return agent_command(domain, command, timeout_s=AGENT_BOUND_S, **arguments)
            except libvirt.libvirtError as error:
                if not vir.isAlive():
                    raise
                raise self._explained(error, domain, command) from error

    def _explained(self, error: libvirt.libvirtError, domain: Any, command: str) -> GuestError:
        if trouble := condition.trouble(domain):
            return trouble
        if error.get_error_code() == libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED:
            return GuestError(
                self.name,
                "has no agent, so no command can be run in it from outside",
                hint="log in at its console (`kvmlab console`) or by ssh; is qemu-guest-agent in "
                "its image after all, then define it with CloudImage(..., agent=True)",
            )
        if "failed to execute" in str(error).lower() or "No such file" in str(error):
            return self._not_there(str(error))
        return GuestError(
            self.name, f"its agent did not carry out {command}: {error}", hint="look at the guest's console"
        )

    def _not_there(self, said: str) -> GuestError:
        return GuestError(self.name, f"cannot run the command: {said}", hint="is it installed in the guest?")

    def answers(self, *, timeout_s: int = 1) -> bool:
        """Tell whether the agent answers within ``timeout_s`` seconds."""
        with self._connection.translated(f"reach guest {self.name!r}") as vir:
            domain = vir.lookupByName(self.name)
            try:
                agent_command(domain, "guest-ping", timeout_s=timeout_s)
            except libvirt.libvirtError as error:
                if not vir.isAlive() or error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                return False
            return True

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: str, quiet_s: float = 0.0) -> Completed:
        """Run a command in the guest to its end; see :meth:`kvmlab.Runner.run`.

        Raises
        ------
        CommandTimeout
            If it runs longer than ``timeout_s`` seconds; it is killed first.
        GuestError
            If the guest does not answer or has no such program.
        """
        started = time.monotonic()
        if quiet_s:
            status, out = self._run_in_peace(argv, timeout_s, stdin, quiet_s)
        else:
            with self._started(argv, stdin) as pid:
                status, out = self._wait(pid, argv, timeout_s), ""
        return _completed(argv, status, time.monotonic() - started, out)

    def _run_in_peace(
        self, argv: Sequence[str], timeout_s: float, stdin: str, quiet_s: float
    ) -> tuple[dict[str, Any], str]:
        """Run a command whose output goes into a file; return how it ended and that output."""
        with (
            self._file() as (path, handle),
            self._started(["/bin/sh", "-c", _INTO_FILE, "sh", path, *argv], stdin) as pid,
        ):
            status = self._wait(pid, argv, timeout_s, quiet_s)
            if status.get("exitcode") == _NO_PROGRAM:
                raise self._not_there(_completed(argv, status, 0.0).stderr.strip())
            return status, self._read(handle).decode(errors="replace")

    @contextlib.contextmanager
    def _file(self) -> Iterator[tuple[str, int]]:
        """Make a file in the guest and open it for reading; it is gone when the block is left."""
        path = f"/run/output-{uuid.uuid4().hex}"
        handle = self.command("guest-file-open", path=path, mode="w+")
        try:
            yield path, handle
        finally:
            with contextlib.suppress(KvmlabError):  # of a guest that is gone nothing is left
                self.command("guest-file-close", handle=handle)
                self._start(["/bin/rm", "-f", path], "")

    def stream(self, argv: Sequence[str], *, timeout_s: float) -> Iterator[str]:
        """Yield a command's lines of output as they come; its end is checked.

        Raises
        ------
        CommandError
            If it ends with a status other than 0.
        CommandTimeout
            If it runs longer than ``timeout_s`` seconds; it is killed first.
        GuestError
            If the guest does not answer or has no such program.
        """
        started = time.monotonic()
        text = _Lines()
        with (
            self._file() as (path, handle),
            self._started(["/bin/sh", "-c", _ALL_INTO_FILE, "sh", path, *argv], "") as pid,
        ):
            for delay in _delays():
                status = self.command("guest-exec-status", pid=pid)
                yield from text.take(self._read(handle))
                if status["exited"]:
                    break
                if time.monotonic() - started > timeout_s:
                    raise self._timeout(argv, timeout_s)
                time.sleep(delay)
        yield from text.rest()
        _completed(argv, {**status, "out-data": ""}, time.monotonic() - started, text.all()).check()

    @contextlib.contextmanager
    def _started(self, argv: Sequence[str], stdin: str) -> Iterator[int]:
        """Start a command; if the block is left by an error or an interrupt, kill it."""
        pid = 0
        try:
            with interrupt_held():
                pid = self._start(argv, stdin)
            yield pid
        except BaseException:
            if pid:
                self._kill(pid)
            raise

    def _start(self, argv: Sequence[str], stdin: str) -> int:
        extra = {"input-data": base64.b64encode(stdin.encode()).decode()} if stdin else {}
        arguments: dict[str, object] = {
            "path": argv[0],
            "arg": list(argv[1:]),
            "capture-output": True,
            **extra,
        }
        return int(self.command("guest-exec", **arguments)["pid"])

    def _wait(self, pid: int, argv: Sequence[str], timeout_s: float, quiet_s: float = 0.0) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        for delay in _delays(quiet_s):
            status: dict[str, Any] = self.command("guest-exec-status", pid=pid)
            if status["exited"]:
                return status
            if time.monotonic() > deadline:
                break
            time.sleep(delay)
        raise self._timeout(argv, timeout_s)

    def _timeout(self, argv: Sequence[str], timeout_s: float) -> CommandTimeout:
        return CommandTimeout(f"{' '.join(argv)!r} did not end in guest {self.name!r}", after_s=timeout_s)

    def _kill(self, pid: int) -> None:
        """Kill a command and all that it started, and wait until they are gone."""
        argv = ["/bin/sh", "-c", _KILL_TREE, "sh", str(pid)]
        with contextlib.suppress(KvmlabError):  # of a guest that is gone nothing is left
            killer = self._start(argv, "")
            self._wait(killer, argv, AGENT_BOUND_S)

    def _read(self, handle: int) -> bytes:
        data = b""
        while True:
            part = self.command("guest-file-read", handle=handle, count=65536)
            data += base64.b64decode(part["buf-b64"])
            if part["count"] == 0 or part["eof"]:
                return data


class _Lines:
    """Cuts a growing text into lines."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._open = b""

    def take(self, data: bytes) -> Iterator[str]:
        *lines, self._open = (self._open + data).split(b"\n")
        for line in lines:
            self._seen.append(line.decode(errors="replace"))
            yield self._seen[-1]

    def rest(self) -> Iterator[str]:
        if self._open:
            yield from self.take(b"\n")

    def all(self) -> str:
        return "\n".join(self._seen)


def _delays(quiet_s: float = 0.0) -> Iterator[float]:
    """Yield the seconds between looks; see :data:`POLL_MOST_S`."""
    if quiet_s:
        yield quiet_s
    delay = QUIET_FIRST_S if quiet_s else POLL_FIRST_S
    while True:
        yield delay
        delay = min(POLL_MOST_S, delay * POLL_GROWTH)


def _completed(argv: Sequence[str], status: dict[str, Any], elapsed_s: float, stdout: str = "") -> Completed:
    out = base64.b64decode(status.get("out-data", "")).decode(errors="replace")
    err = base64.b64decode(status.get("err-data", "")).decode(errors="replace")
    code = -int(status["signal"]) if "signal" in status else int(status.get("exitcode", 0))
    return Completed(tuple(argv), code, out or stdout, err, elapsed_s)
