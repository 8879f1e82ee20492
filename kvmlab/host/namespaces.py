"""Start, enter and end the namespaces of a lab.

A lab is held by one ``unshare`` process outside and its child, PID 1 inside
(user_namespaces(7), pid_namespaces(7)). When the outer one ends, the kernel
kills PID 1 (``--kill-child``), and with it every process, link, mount and rule
of the lab. Nothing is ever cleaned up by name.
"""

import contextlib
import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kvmlab._progress import Progress
from kvmlab._run import DEVNULL, PIPE, LocalRunner, require
from kvmlab.errors import HostError, KvmlabError, LabError, NamespaceError
from kvmlab.host import client, directory, mounts
from kvmlab.host.environment import lab_environment

#: The longest path of a Unix socket, without the closing NUL (unix(7)).
SOCKET_PATH_LIMIT = 107
#: Seconds after SIGKILL until the kernel must have taken a lab apart.
END_BOUND_S = 20.0
#: Programs that a lab needs to start, beside QEMU.
PROGRAMS = ("unshare", "nsenter", "setsid", "ip", "nft", "libvirtd", "dnsmasq", "iperf3")
#: Says its own process id, which will be the lab's outermost, and becomes the command.
_ANNOUNCE = ("sh", "-c", 'echo $$; exec "$@" >&2', "sh")


def is_real_root() -> bool:
    """Tell whether this process is root of the machine's first user namespace, or acts like it."""
    return os.geteuid() == 0


def owns_machine() -> bool:
    """Tell whether this process is root of the machine's first user namespace (user_namespaces(7)).

    Root of another one has a network and a file system of its own, but may not make device nodes.
    """
    if not is_real_root():
        return False
    inside, outside, count = Path("/proc/self/uid_map").read_text(encoding="ascii").split()[:3]
    return (inside, outside, count) == ("0", "0", str(2**32 - 1))


def unshare_argv() -> list[str]:
    """Return the ``unshare`` line that makes a lab's namespaces."""
    user = [] if is_real_root() else ["--user", "--map-root-user", "--map-auto"]
    spaces = ["--net", "--mount", "--uts", "--ipc", "--pid"]
    return ["unshare", *user, *spaces, "--fork", "--mount-proc", "--kill-child"]


def enter_argv(init: int, host: str = "host") -> tuple[str, ...]:
    """Return the prefix that runs a command on a host of the lab with PID 1 ``init``."""
    user = () if is_real_root() else ("--user", "--preserve-credentials")
    spaces = ("--net", "--mount", "--uts", "--ipc", "--pid")
    prefix = ("nsenter", f"--target={init}", *user, *spaces, "--")
    return prefix if host == "host" else (*prefix, "ip", "netns", "exec", host)


def start(lab_dir: Path, cache: Path, progress: Progress) -> None:
    """Start the namespaces, daemons and world of a lab and wait until all answer.

    Parameters
    ----------
    lab_dir
        Directory of the lab; made here, and removed again if the start fails.
    cache
        Directory of libvirt's capabilities cache.
    progress
        Told each step.

    Raises
    ------
    LabError
        If a lab of that name runs.
    ExecutableNotFound
        If a program is missing.
    NamespaceError
        If the kernel refuses the namespaces.
    HostError
        If a daemon or the world does not come up.
    """
    require(*PROGRAMS, f"qemu-system-{os.uname().machine}")
    _check_paths(lab_dir, cache)
    try:
        with directory.made(lab_dir, end_bound_s=END_BOUND_S) as lock:
            progress.step("preparing its directory")
            mounts.prepare_files(lab_dir, cache)
            _launch(lab_dir, lock, progress)
    except KvmlabError:  # some are an OSError, too
        raise
    except OSError as error:
        raise HostError(
            f"lab {lab_dir.name!r} did not start: {error}",
            hint=f"is the disk full? see `df {lab_dir.parent}`",
        ) from error


def _check_paths(lab_dir: Path, cache: Path) -> None:
    for path, setting in ((lab_dir, "KVMLAB_STATE_DIR"), (cache, "KVMLAB_CACHE_DIR")):
        hiding = mounts.hidden_by(path)
        if hiding is not None:
            raise HostError(
                f"lab {lab_dir.name!r} cannot use {path}: a lab has a {hiding} of its own",
                hint=f"set {setting} to a directory elsewhere",
            )
    socket_path = str(lab_dir / "run/libvirt/libvirt-sock")
    if len(os.fsencode(socket_path)) > SOCKET_PATH_LIMIT:
        raise LabError(
            f"the socket path of lab {lab_dir.name!r} has {len(os.fsencode(socket_path))} bytes, "
            f"the kernel allows {SOCKET_PATH_LIMIT}: {socket_path}",
            hint="use a shorter lab name, or set KVMLAB_STATE_DIR to a shorter directory",
        )


def _launch(lab_dir: Path, lock: int, progress: Progress) -> None:
    reports, write_end = os.pipe()
    try:
        try:
            outer = _spawn(lab_dir, write_end, lock)
        finally:
            os.close(write_end)
        try:
            _wait_until_ready(lab_dir, reports, outer, progress)
        except BaseException:
            # the whole group: `unshare --map-auto` leaves a helper behind when it is refused
            with contextlib.suppress(ProcessLookupError):
                os.killpg(outer, signal.SIGKILL)
            raise
    finally:
        os.close(reports)


def _spawn(lab_dir: Path, report_fd: int, lock: int) -> int:
    """Start the lab's processes; return the outermost one, which leads a session of its own.

    It is no child of this process, so that the lab outlives this process and
    leaves no zombie in it.
    """
    init = [sys.executable, "-m", "kvmlab.host.init", str(lab_dir), str(report_fd), str(lock)]
    for number in (report_fd, lock):
        os.set_inheritable(number, True)  # noqa: FBT003
    with (lab_dir / "log/init.log").open("wb") as log:
        process = LocalRunner(env=lab_environment()).popen(
            ["setsid", "--fork", *_ANNOUNCE, *unshare_argv(), *init],
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=log,
            keep_fds=(report_fd, lock),
        )
    with process:
        assert process.stdout is not None  # PIPE
        return int(process.stdout.readline())


def _wait_until_ready(lab_dir: Path, reports: int, outer: int, progress: Progress) -> None:
    step = ""
    for message in _messages(reports, outer):
        if message.get("ready"):
            return
        if "error" in message:
            raise HostError(f"lab {lab_dir.name!r} did not start: {message['error']}", hint=message["hint"])
        step = message["step"]
        progress.step(step)
    log = (lab_dir / "log/init.log").read_text(encoding="utf-8", errors="replace")
    tail = "\n".join(log.splitlines()[-6:])
    if step:
        raise HostError(f"lab {lab_dir.name!r} ended while {step}: {tail}", hint="run `kvmlab doctor`")
    raise NamespaceError(f"lab {lab_dir.name!r} did not start: {tail}", hint="run `kvmlab doctor`")


def _messages(reports: int, outer: int) -> Iterator[dict[str, Any]]:
    """Yield what PID 1 reports, until it or the outermost process ends."""
    rest = b""
    with _watched(outer) as watches:
        # where it has ended already there is nothing to wait for, but what was reported before
        patience = None if watches else 0.0
        while reports in _readable([reports, *watches], patience):
            part = os.read(reports, 65536)
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            yield from (json.loads(line) for line in lines)


@contextlib.contextmanager
def _watched(*pids: int) -> Iterator[list[int]]:
    """Yield a descriptor for each process that there is; it is readable once that has ended."""
    watches: list[int] = []
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                watches.append(os.pidfd_open(pid))
        yield watches
    finally:
        for watch in watches:
            os.close(watch)


def _readable(descriptors: list[int], timeout_s: float | None = None) -> list[int]:
    """Wait for one of the descriptors; unlike select(2), numbers above 1023 will do."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return [number for number, _ in poller.poll(None if timeout_s is None else timeout_s * 1000)]


def stop(lab_dir: Path) -> None:
    """End a lab, ready or half-made, and remove its directory.

    Raises
    ------
    LabError
        If the lab does not run.
    HostError
        If a process of it is still there after the bound.
    """
    try:
        _kill(lab_dir)
    finally:
        if lab_dir.is_dir():
            directory.discard(lab_dir, bound_s=END_BOUND_S)


def _kill(lab_dir: Path) -> None:
    """Kill PID 1, and wait for it and for its parent, which waits for nothing else.

    Not the parent itself: if it was killed a moment ago, another process has
    inherited PID 1.
    """
    init = client.any_init_pid(lab_dir)
    with _watched(init) as inner, _watched(client.outer_pid(init)) as outer:
        for watch in inner:
            signal.pidfd_send_signal(watch, signal.SIGKILL)
        for watch in (*inner, *outer):
            if not _readable([watch], END_BOUND_S):
                raise HostError(
                    f"lab {lab_dir.name!r} (PID 1 is process {init}) did not end in {END_BOUND_S:g} s",
                    hint="see what its processes wait for: `ps -o pid,stat,wchan,args --forest`",
                )
