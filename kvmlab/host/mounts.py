"""The private file system view of a lab.

libvirt's directories are bind mounts of the lab's own directory, so the
machine's libvirt, if it has one, is neither seen nor touched.
"""

import shutil
from pathlib import Path

from kvmlab._run import LocalRunner
from kvmlab.host import world

#: Mount points and the directory below the lab's own that appears there.
BINDS = {
    "/etc/libvirt": "etc",
    "/var/lib/libvirt": "lib",
    "/var/log/libvirt": "log/libvirt",
    "/run": "run",
}

#: libvirt's settings for a host inside namespaces (see qemu.conf itself for
#: each): no security driver and no cgroups, which need the real host; QEMU
#: runs as root of the lab; files are not re-owned, since all belong to root;
#: no seccomp sandbox, because saved guests are read through ``cat``; no huge
#: pages, whose mount point (of systemd's) belongs to the machine's root.
QEMU_CONF = """\
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
remember_owner = 0
dynamic_ownership = 0
seccomp_sandbox = 0
hugetlbfs_mount = []
"""

#: Only the owner of the lab can reach its directory, so the socket itself
#: needs no authentication.
LIBVIRTD_CONF = """\
unix_sock_group = "root"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""


def prepare_files(lab_dir: Path, cache: Path) -> None:
    """Fill a new lab's directory; runs outside the namespaces.

    Parameters
    ----------
    lab_dir
        Directory of the lab, which exists and is empty.
    cache
        Directory that keeps libvirt's capabilities cache between labs.
    """
    for name in ("etc", "lib", "log/libvirt/qemu", "run/netns", "run/libvirt", "run/lock", "guests"):
        (lab_dir / name).mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    (lab_dir / "etc/qemu.conf").write_text(QEMU_CONF, encoding="utf-8")
    (lab_dir / "etc/libvirtd.conf").write_text(LIBVIRTD_CONF, encoding="utf-8")
    filters = Path("/usr/share/libvirt/nwfilter")
    if filters.is_dir():
        shutil.copytree(filters, lab_dir / "etc/nwfilter")
    (lab_dir / "libvirt-cache").symlink_to(cache)
    (lab_dir / "resolv.conf").write_text(f"nameserver {world.ROUTER_ADDRESS}\n", encoding="utf-8")


def mount_all(lab_dir: Path, runner: LocalRunner) -> None:
    """Mount the lab's view; runs as PID 1 inside the mount namespace.

    Raises
    ------
    kvmlab.errors.CommandError
        If a mount is refused.
    """
    runner.run(["mount", "-t", "sysfs", "sysfs", "/sys"])
    resolver = Path("/etc/resolv.conf").resolve()
    cache = (lab_dir / "libvirt-cache").resolve()
    for target, source in BINDS.items():
        runner.run(["mount", "--bind", str(lab_dir / source), target])
    runner.run(["mount", "--bind", str(cache), "/var/cache/libvirt"])
    if not resolver.exists():  # it was below /run, as with systemd-resolved
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.touch()
    runner.run(["mount", "--bind", str(lab_dir / "resolv.conf"), str(resolver)])
