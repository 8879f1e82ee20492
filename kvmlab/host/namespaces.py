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
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from kvmlab._progress import Progress
from kvmlab._run import LocalRunner, require
from kvmlab.errors import HostError, LabError, NamespaceError
from kvmlab.host import client, directory, mounts
from kvmlab.host.environment import lab_environment

#: The longest path of a Unix socket, without the closing NUL (unix(7)).
SOCKET_PATH_LIMIT = 107
#: Seconds after SIGKILL until the kernel must have taken a lab apart.
END_BOUND_S = 20.0
#: Programs that a lab needs to start, beside QEMU.
PROGRAMS = ("unshare", "nsenter", "ip", "nft", "libvirtd", "dnsmasq", "iperf3")
#: Says its own process id, which is the lab's outermost, and becomes the command.
_ANNOUNCE = ("sh", "-c", 'echo $$; exec "$@" >&2', "sh")


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
        with directory.made(lab_dir) as lock:
            progress.step("preparing its directory")
            mounts.prepare_files(lab_dir, cache)
            _launch(lab_dir, lock, progress)
    except LabError:
        raise
    except BaseException:
        directory.discard_if_dead(lab_dir)
        raise
