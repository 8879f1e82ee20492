"""Run a command in a guest as if it ran here: input, output and status are passed through.

The agent hands over output only at a command's end, so the command writes to
files in the guest's memory, which are read while it runs.
"""

import base64
import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

from kvmlab.errors import GuestError
from kvmlab.virt.agent import AGENT_BOUND_S, Agent

#: Seconds between two looks at the command, at first and at the most.
LOOK_FIRST_S, LOOK_MOST_S = 0.01, 0.25
#: Bytes that are read or written at once: each must be through in the agent's time, under emulation, too.
CHUNK = 1 << 16

_PREPARE = 'd=$(mktemp -d /run/relay.XXXXXX) && : >"$d/0" && : >"$d/1" && : >"$d/2" && echo "$d"'
_RUN = 'd=$1; shift; exec setsid "$@" <"$d/0" >"$d/1" 2>"$d/2"'


def relay(
    agent: Agent, argv: Sequence[str], *, stdin: IO[bytes] | None, stdout: IO[bytes], stderr: IO[bytes]
) -> int:
    """Run a command in a guest until it ends and return its exit status as a shell gives it.

    If this is interrupted, the command is killed.

    Parameters
    ----------
    agent
        Agent of the guest.
    argv
        The command.
    stdin
        Read to its end before the command starts; None for no input.
    stdout, stderr
        Written as the command prints.

    Raises
    ------
    GuestError
        If the guest does not run or does not answer.
    """
    made = agent.run(["/bin/sh", "-c", _PREPARE], timeout_s=AGENT_BOUND_S, stdin="").check()
    folder = made.stdout.strip()
    try:
        if stdin is not None:
            _send(agent, f"{folder}/0", stdin)
        line = ["-c", _RUN, "sh", folder, *argv]
        pid = agent.command("guest-exec", path="/bin/sh", arg=line)["pid"]
        try:
            with _opened(agent, f"{folder}/1") as out, _opened(agent, f"{folder}/2") as err:
                status = _follow(agent, pid, {out: stdout, err: stderr})
        except BaseException:
            with contextlib.suppress(GuestError):
                agent.command("guest-exec", path="/bin/kill", arg=["-KILL", "--", f"-{pid}"])
            raise
    finally:
        with contextlib.suppress(GuestError):
            agent.command("guest-exec", path="/bin/rm", arg=["-rf", folder])
    return 128 + int(status["signal"]) if "signal" in status else int(status["exitcode"])


def _follow(agent: Agent, pid: int, streams: dict[int, IO[bytes]]) -> dict[str, Any]:
    """Copy output until the command has ended and all of it is here."""
    wait_s = LOOK_FIRST_S
    while True:
        status: dict[str, Any] = agent.command("guest-exec-status", pid=pid)
        copied = [_copy(agent, handle, stream) for handle, stream in streams.items()]
        if status["exited"]:
            return status
        wait_s = LOOK_FIRST_S if any(copied) else min(LOOK_MOST_S, wait_s * 1.4)
        time.sleep(wait_s)


def _copy(agent: Agent, handle: int, stream: IO[bytes]) -> bool:
    """Copy what is new; tell whether there was anything."""
    found = False
    while count := (part := agent.command("guest-file-read", handle=handle, count=CHUNK))["count"]:
        stream.write(base64.b64decode(part["buf-b64"]))
        stream.flush()
        found = True
        if count < CHUNK:
            break
    return found


def _send(agent: Agent, path: str, source: IO[bytes]) -> None:
    with _opened(agent, path, mode="w") as handle:
        while data := source.read(CHUNK):
            left = data
            while left:
                text = base64.b64encode(left).decode("ascii")
                left = left[agent.command("guest-file-write", handle=handle, **{"buf-b64": text})["count"] :]


@contextlib.contextmanager
def _opened(agent: Agent, path: str, *, mode: str = "r") -> Iterator[int]:
    handle = agent.command("guest-file-open", path=path, mode=mode)
    try:
        yield handle
    finally:
        with contextlib.suppress(GuestError):
            agent.command("guest-file-close", handle=handle)
