"""The outer part of a sandbox: puts the root file system together, then starts the inner one.

It runs as PID 1 of its own namespaces (``python -m kvmlab.sandbox.outer PLAN
COMMAND…``); its standard input and output are those of the command.
"""

import os
import resource
import sys
import time
from pathlib import Path

from kvmlab._run import LocalRunner, Process
from kvmlab.host import kernel
from kvmlab.sandbox.plan import EMPTY, KERNEL, SYSTEM, Plan

#: Waits until it is root, which becomes true when its map of user ids is written, shows the links of its own
#: network only, and runs the command, for which it waits: PID 1 has to reap.
_START = (
    'until [ -n "$(cat /proc/self/gid_map)" ]; do sleep 0.01; done; mount -t sysfs sysfs /sys; "$@"; exit $?'
)
_INNER = ("unshare", "--user", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc")
#: Seconds until the inner namespaces must be there.
_BOUND_S = 20.0


def main(plan: Plan, argv: list[str]) -> int:
    """Make the sandbox, run the command in it, and return its status."""
    _build_root(plan)
    kernel.enter_root(Path(plan.root))
    # counts what runs in the namespaces below, too (getrlimit(2), "RLIMIT_NPROC"; Linux 5.14)
    resource.setrlimit(resource.RLIMIT_NPROC, (plan.processes, plan.processes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # if memory runs out, it is this that goes (proc_pid_oom_score_adj(5))
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    inner = LocalRunner().popen([*_INNER, "--kill-child", "sh", "-c", _START, "sh", *argv])
    _write_maps(inner)
    return inner.wait()


def _build_root(plan: Plan) -> None:
    root = Path(plan.root)
    kernel.mount("tmpfs", root, "mode=755,size=4m")
    for name in EMPTY:
        (root / name).mkdir(parents=True)
    for place in (*SYSTEM, *plan.readable):
        _show(Path(place), root)
    for place in KERNEL:
        _show(Path(place), root, writable=True)
    for name, size in (("tmp", "256m"), ("run", "16m"), ("dev/shm", "256m")):
        (root / name).mkdir(exist_ok=True)
        kernel.mount("tmpfs", root / name, f"size={size}")
    for place in plan.hidden:
        if (inside := _inside(root, Path(place))).is_dir():
            kernel.mount("tmpfs", inside, "size=4k,mode=755")
            kernel.make_read_only(inside)
    _show_layered(plan, root)
    _show(Path(plan.folder), root, writable=True)


def _inside(root: Path, place: Path) -> Path:
    return root / place.relative_to("/")


def _show(place: Path, root: Path, *, writable: bool = False) -> None:
    inside = _inside(root, place)
    if place.is_symlink():  # such as /bin
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.symlink_to(place.readlink())
        return
    if not place.is_dir() or inside.exists():  # shown already, with a folder that it is in
        return
    inside.mkdir(parents=True)
    kernel.bind(place, inside, recursive=True)
    if not writable:
        kernel.make_read_only(inside)


def _show_layered(plan: Plan, root: Path) -> None:
    inside, layer = _inside(root, Path(plan.layered)), Path(plan.layer)
    inside.mkdir(parents=True, exist_ok=True)
    for name in ("upper", "work"):
        (layer / name).mkdir(parents=True)
    options = (
        f"lowerdir={plan.layered},upperdir={layer / 'upper'},workdir={layer / 'work'},userxattr,volatile"
    )
    kernel.mount("overlay", inside, options)
    for name, alias in plan.aliases:
        (inside / name).mkdir(exist_ok=True)
        (inside / alias).mkdir(exist_ok=True)
        kernel.bind(inside / name, inside / alias)


def _write_maps(inner: Process) -> None:
    """Give the inner namespaces the same user ids, each range for itself, as the kernel wants it."""
    deadline = time.monotonic() + _BOUND_S
    while inner.poll() is None:
        try:
            children = Path(f"/proc/{inner.pid}/task/{inner.pid}/children").read_text(encoding="ascii")
            for name in ("uid_map", "gid_map"):
                own = Path("/proc/self", name).read_text(encoding="ascii").splitlines()
                rows = [f"{first} {first} {count}" for first, _, count in map(str.split, own)]
                with Path("/proc", children.split()[0], name).open("w", encoding="ascii") as stream:
                    stream.write("\n".join(rows) + "\n")
        except (OSError, IndexError):  # it is not there yet, or not yet to be written to
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


if __name__ == "__main__":
    status = main(Plan.read(Path(sys.argv[1])), sys.argv[2:])
    sys.stdout.flush()
    os._exit(status if status >= 0 else 128 - status)
