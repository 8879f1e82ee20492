"""Devices, memory, processors and disk of the machine."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from kvmlab import _paths
from kvmlab.doctor.report import Check, Outcome

#: Free disk that building the guest image takes: the unpacked tree and the packages.
BUILD_DISK_MIB = 2560
#: Free disk for labs and saved guests (a saved guest's memory is a 256 MiB file).
LAB_DISK_MIB = 512
#: Memory for a lab with two guests and JupyterLab beside it, and for a lab at all.
GOOD_MEMORY_MIB = 2048
LEAST_MEMORY_MIB = 512
_TUN_WHY = "guests are connected through it"
_NODES = {"/dev/net/tun": ("tun", "c 10 200"), "/dev/vhost-net": ("vhost_net", "c 10 238")}


def try_device(path: str) -> str:
    """Open a device for reading and writing; return why that is refused, or an empty text."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def tun_check(refusal: str) -> Check:
    """Return the check of /dev/net/tun, given why it does not open; empty if it does."""
    if not refusal:
        return Check("/dev/net/tun", "ok", "opens from inside a lab", _TUN_WHY)
    return Check("/dev/net/tun", "missing", refusal, _TUN_WHY, device_fix("/dev/net/tun", refusal))


def vhost_check(refusal: str) -> Check:
    """Return the check of /dev/vhost-net, given why it does not open; empty if it does."""
    if not refusal:
        return Check("/dev/vhost-net", "ok", "opens from inside a lab", "moves virtio packets in the kernel")
    why = "moves virtio packets in the kernel; QEMU does it itself instead, somewhat slower"
    return Check("/dev/vhost-net", "warning", refusal, why, device_fix("/dev/vhost-net", refusal))


def device_fix(path: str, refusal: str) -> str:
    """Return the commands that make a device open from inside a lab.

    The device has to be open to all users: inside a lab the learner's groups
    do not count.
    """
    module, numbers = _NODES[path]
    if "No such" in refusal:
        return f"sudo modprobe {module}; [ -e {path} ] || sudo mknod -m 0666 {path} {numbers}"
    if "ermission denied" in refusal:
        return open_to_all(path)
    if "not permitted" in refusal:
        return f"in a container its engine decides: start it with --device {path}"
    return f"the kernel needs the module {module}: use the distribution's standard kernel"


def open_to_all(path: str) -> str:
    """Return the commands that open a device to all users, now and after a restart."""
    name, node = Path(path).name, path.removeprefix("/dev/")
    rule = f'KERNEL=="{name}", MODE="0666", OPTIONS+="static_node={node}"'
    file = f"/etc/udev/rules.d/80-kvmlab-{name}.rules"
    return f"echo '{rule}' | sudo tee {file} && sudo chmod 0666 {path}"


def resource_checks() -> list[Check]:
    """Return the checks of processors, memory and disk."""
    return [
        cores_check(len(os.sched_getaffinity(0))),
        memory_check(available_mib(_read_all("/proc/meminfo", "/sys/fs/cgroup/memory.max"))),
        *disk_checks({"cache": _paths.cache_dir(), "state": _paths.state_dir()}),
    ]


def cores_check(count: int) -> Check:
    """Return the check of the processors that this process may use."""
    if count > 1:
        return Check("processors", "ok", str(count), "guests run beside each other")
    return Check(
        "processors", "warning", "1", "guests run one after the other; measurements suffer", "use 2 or more"
    )


def available_mib(texts: Mapping[str, str]) -> int:
    """Return the memory that can be used, after ``/proc/meminfo`` and a limit of a control group, in MiB."""
    fields = dict(line.split(":", 1) for line in texts["/proc/meminfo"].splitlines() if ":" in line)
    available = int(fields["MemAvailable"].split()[0]) // 1024
    limit = texts["/sys/fs/cgroup/memory.max"].strip()
    return min(available, int(limit) >> 20) if limit.isdigit() else available


def memory_check(mib: int) -> Check:
    """Return the check of the memory, in MiB."""
    outcome: Outcome = "ok" if mib >= GOOD_MEMORY_MIB else "warning" if mib >= LEAST_MEMORY_MIB else "missing"
    fix = "" if outcome == "ok" else "end other programs, or start fewer guests at once"
    return Check("memory", outcome, f"{mib} MiB available", "guests, and JupyterLab beside them", fix)


def disk_checks(directories: Mapping[str, Path]) -> list[Check]:
    """Return a check per directory of kvmlab: whether it can be written, and the room in it."""
    return [_disk_check(f"disk ({kind})", path) for kind, path in directories.items()]


def _disk_check(name: str, path: Path) -> Check:
    why = "guest images and saved guests" if "cache" in name else "files of running labs"
    variable = "KVMLAB_CACHE_DIR" if "cache" in name else "KVMLAB_STATE_DIR"
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check(
            name, "missing", f"{existing} cannot be written", why, f"set {variable} to a directory of yours"
        )
    free_mib = shutil.disk_usage(existing).free >> 20
    wanted = BUILD_DISK_MIB if "cache" in name else LAB_DISK_MIB
    outcome: Outcome = "ok" if free_mib >= wanted else "warning" if free_mib >= LAB_DISK_MIB else "missing"
    fix = "" if outcome == "ok" else f"make room for {wanted} MiB, or set {variable} to a directory elsewhere"
    return Check(name, outcome, f"{free_mib} MiB free in {path}", why, fix)


def _read_all(*paths: str) -> dict[str, str]:
    texts = {}
    for path in paths:
        try:
            texts[path] = Path(path).read_text(encoding="utf-8")
        except OSError:
            texts[path] = ""
    return texts
