"""Start, enter and end the namespaces of a lab.

A lab is held by one ``unshare`` process outside and its child, PID 1 inside
(user_namespaces(7), pid_namespaces(7)). When the outer one ends, the kernel
kills PID 1 (``--kill-child``), and with it every process, link, mount and rule
of the lab. Nothing is ever cleaned up by name.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from kvmlab._progress import Progress
from kvmlab._run import LocalRunner
from kvmlab.errors import HostError, LabError, NamespaceError
from kvmlab.host import client, mounts, world

#: The longest path of a Unix socket, without the closing NUL (unix(7)).
SOCKET_PATH_LIMIT = 107
#: Seconds after SIGKILL until the kernel must have taken a lab apart.
END_BOUND_S = 20.0


def is_real_root() -> bool:
    """Tell whether this process is root of the machine's first user namespace, or acts like it."""
    return os.geteuid() == 0


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
    NamespaceError
        If the kernel refuses the namespaces.
    HostError
        If a daemon or the world does not come up.
    """
    socket_path = lab_dir / "run/libvirt/libvirt-sock"
    if len(str(socket_path)) > SOCKET_PATH_LIMIT:
        raise LabError(
            f"the socket path of lab {lab_dir.name!r} has {len(str(socket_path))} characters, "
            f"the kernel allows {SOCKET_PATH_LIMIT}: {socket_path}",
            hint="use a shorter lab name, or set KVMLAB_STATE_DIR to a shorter directory",
        )
    with _new_lab_dir(lab_dir) as lock:
        mounts.prepare_files(lab_dir, cache)
        _launch(lab_dir, lock, progress)


@contextlib.contextmanager
def _new_lab_dir(lab_dir: Path) -> Iterator[int]:
    lab_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _registry_locked(lab_dir.parent):
        _discard_if_dead(lab_dir)
        if lab_dir.exists():
            name = lab_dir.name
            raise LabError(
                f"a lab named {name!r} runs already",
                hint=f"attach to it with Lab.attach({name!r}), or end it with `kvmlab down {name}`",
            )
        lab_dir.mkdir(mode=0o700)
        lock = os.open(lab_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield lock
    except BaseException:
        remove_tree(lab_dir)
        raise
    finally:
        os.close(lock)


@contextlib.contextmanager
def _registry_locked(labs: Path) -> Iterator[None]:
    """Hold off other processes that make or discard directories of labs."""
    with (labs / ".lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _launch(lab_dir: Path, lock: int, progress: Progress) -> None:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)  # noqa: FBT003
    os.set_inheritable(lock, True)  # noqa: FBT003
    init = [sys.executable, "-m", "kvmlab.host.init", str(lab_dir), str(write_end), str(lock)]
    log = lab_dir / "log/init.log"
    with log.open("wb") as stream, os.fdopen(read_end, encoding="utf-8") as reports:
        # `setsid --fork` detaches the lab, so that it outlives this process and is reaped by init.
        process = LocalRunner().popen(
            ["setsid", "--fork", *unshare_argv(), *init],
            stdout=stream,
            stderr=stream,
            keep_fds=(write_end, lock),
        )
        os.close(write_end)
        process.wait()
        ready = False
        for line in reports:
            message = json.loads(line)
            if "step" in message:
                progress.step(message["step"])
            elif "error" in message:
                raise HostError(
                    f"lab {lab_dir.name!r} did not start: {message['error']}", hint=message["hint"]
                )
            ready = bool(message.get("ready"))
            if ready:
                break
    if not ready:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-6:])
        raise NamespaceError(f"lab {lab_dir.name!r} did not start: {tail}", hint="run `kvmlab doctor`")


def is_alive(lab_dir: Path) -> bool:
    """Tell whether some process of the lab lives: its PID 1 holds the lock."""
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


def stop(lab_dir: Path) -> None:
    """End a lab: kill its outermost process, wait until the kernel is done, remove its directory.

    Raises
    ------
    LabError
        If the lab does not run.
    HostError
        If its PID 1 is still there after the bound.
    """
    init = client.init_pid(lab_dir)
    watch = os.pidfd_open(init)
    try:
        os.kill(client.outer_pid(init), signal.SIGKILL)
        if not select.select([watch], [], [], END_BOUND_S)[0]:
            raise HostError(
                f"PID 1 of lab {lab_dir.name!r} (process {init}) did not end in {END_BOUND_S:g} s"
            )
    finally:
        os.close(watch)
    remove_tree(lab_dir)


def discard_dead(labs: Path) -> None:
    """Remove the directories of labs whose processes are gone."""
    if not labs.is_dir():
        return
    with _registry_locked(labs):
        for lab_dir in [path for path in labs.iterdir() if path.is_dir()]:
            _discard_if_dead(lab_dir)


def _discard_if_dead(lab_dir: Path) -> bool:
    if not lab_dir.is_dir() or is_alive(lab_dir):
        return False
    remove_tree(lab_dir)
    return True


def remove_tree(path: Path) -> None:
    """Remove a directory, also where files in it belong to mapped user ids."""
    try:
        shutil.rmtree(path)
    except PermissionError:
        line = ["unshare", "--user", "--map-root-user", "--map-auto", "rm", "-rf", "--", str(path)]
        LocalRunner().run(line)
    except FileNotFoundError:
        if path.exists():
            remove_tree(path)


def runners(init: int) -> dict[str, LocalRunner]:
    """Return a runner for each host of the lab with PID 1 ``init``."""
    return {host: LocalRunner(host, prefix=enter_argv(init, host)) for host in world.HOSTS}
