"""The private file system view of a lab.

libvirt's directories are bind mounts of the lab's own directory, so the
machine's libvirt, if it has one, is neither seen nor touched. So is ``/run``,
with the sockets of all that runs on the machine, D-Bus among them. What
processes share in memory (``/dev/shm``, ``/dev/mqueue``) starts empty, and
``/etc/hosts`` and ``/etc/resolv.conf`` name what is in the lab. With real root so
are the device nodes (:mod:`kvmlab.host.devices`). The rest of the file system is
the user's own, with the user's own rights.
"""

import shutil
from pathlib import Path

from kvmlab.errors import HostError
from kvmlab.host import devices, kernel, world

#: Mount points and the directory below the lab's own that appears there.
BINDS = {
    "/etc/libvirt": "etc",
    "/var/lib/libvirt": "lib",
    "/var/log/libvirt": "log/libvirt",
    "/run": "run",
}
#: Where libvirt keeps what it found out about QEMU; shared by all labs.
CACHE = "/var/cache/libvirt"
#: File systems of a lab's own, by mount point.
FRESH = {"/sys": "sysfs", "/dev/shm": "tmpfs", "/dev/mqueue": "mqueue"}

#: libvirt's settings for a host inside namespaces (see qemu.conf itself for
#: each): no security driver and no cgroups, which need the real host; QEMU
#: runs as root of the lab; files are not re-owned, since all belong to root; no
#: huge pages, whose mount point (of systemd's) belongs to the machine's root. Without
#: the capability, which only libvirt's own bookkeeping uses, it asks QEMU for the
#: CPU's features in 2 questions instead of some 350, which took half of each start.
#: No core dumps: newer libvirt lifts their limit, which who has a hard one may not.
QEMU_CONF = """\
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
remember_owner = 0
dynamic_ownership = 0
hugetlbfs_mount = []
max_core = 0
capability_filters = ["cpu-unavailable-features"]
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
    for name in ("etc", "lib", "log/libvirt/qemu", "run/netns", "run/libvirt", "run/lock", "guests", "dev"):
        (lab_dir / name).mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    (lab_dir / "etc/qemu.conf").write_text(QEMU_CONF, encoding="utf-8")
    (lab_dir / "etc/libvirtd.conf").write_text(LIBVIRTD_CONF, encoding="utf-8")
    filters = Path("/usr/share/libvirt/nwfilter")
    if filters.is_dir():
        shutil.copytree(filters, lab_dir / "etc/nwfilter")
    (lab_dir / "libvirt-cache").symlink_to(cache.absolute())
    (lab_dir / "resolv.conf").write_text(f"nameserver {world.ROUTER_ADDRESS}\n", encoding="utf-8")
    # libvirtd looks up its own host name; a name server that only starts meanwhile may cost it 5 s
    hosts = f"127.0.0.1 localhost\n::1 localhost\n{world.HOST_ADDRESS} {lab_dir.name}\n"
    (lab_dir / "hosts").write_text(hosts, encoding="utf-8")


def hidden_by(path: Path) -> str | None:
    """Return the mount point of a lab's own that a path of the machine lies below; None if none."""
    resolved = path.resolve()
    return next((point for point in (*BINDS, CACHE, *FRESH, "/dev") if resolved.is_relative_to(point)), None)


def mount_all(lab_dir: Path) -> None:
    """Mount the lab's view; runs as PID 1 inside the mount namespace.

    Raises
    ------
    HostError
        If the machine has no file that says which name server to ask.
    OSError
        If a mount is refused; it names the mount point.
    """
    if devices.may_make_nodes(lab_dir / "dev"):
        devices.mount_own(lab_dir / "dev")
    for target, kind in FRESH.items():
        if Path(target).is_dir():
            kernel.mount(kind, Path(target))
    resolver = Path("/etc/resolv.conf").resolve()
    for target, source in BINDS.items():
        kernel.bind(lab_dir / source, Path(target))
    kernel.bind((lab_dir / "libvirt-cache").resolve(), Path(CACHE))
    if resolver.is_relative_to("/run"):  # as with systemd-resolved; the lab's own /run is empty
        resolver.parent.mkdir(parents=True, exist_ok=True)
        resolver.touch()
    elif not resolver.exists():
        raise HostError(
            f"{resolver} does not exist, so a lab cannot have its own", hint=f"sudo touch {resolver}"
        )
    kernel.bind(lab_dir / "resolv.conf", resolver)
    if Path("/etc/hosts").exists():
        kernel.bind(lab_dir / "hosts", Path("/etc/hosts").resolve())
