"""Whether the kernel lets this user make a lab's namespaces, and if not, why.

The line that starts a lab is run for real, after shorter ones that show how far
the kernel goes. If it refuses one, the settings that may stand in the way are
read (user_namespaces(7), namespaces(7)).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kvmlab._run import LocalRunner
from kvmlab.doctor import subids
from kvmlab.doctor.report import Check
from kvmlab.errors import CommandTimeout, ExecutableNotFound
from kvmlab.host.namespaces import unshare_argv

WHY = "a lab is a set of namespaces, so that this machine stays as it is"
PROBE_STAGE = "probe"
RANGE_STAGE = "range of ids"
SYSCTL_FILE = "/etc/sysctl.d/60-kvmlab.conf"
CONTAINER_ADVICE = (
    "in a container its engine decides: start it with --privileged\n(Podman: as an ordinary user is enough)"
)
#: Bits of capabilities(7) that starting a lab as root takes.
ROOT_NEEDS = {"CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Where the kernel stopped, in its own words."""

    stage: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The settings that may stand in the way.

    Attributes
    ----------
    apparmor, clone
        Sysctls ``kernel.apparmor_restrict_unprivileged_userns`` (Ubuntu) and
        ``kernel.unprivileged_userns_clone`` (Debian); empty where unknown.
    zero_sysctls
        Those of ``user.max_*_namespaces`` that are 0.
    seccomp
        Whether system calls of this process are filtered, as in containers.
    chrooted
        Whether the root directory is known to be a chroot.
    no_new_privileges
        Whether programs such as ``newuidmap`` gain no privileges (PR_SET_NO_NEW_PRIVS(2const)).
    granted_ids
        Size of the user's range of further ids, the smaller of subuid and subgid.
    root
        Whether this process runs as root.
    lacks
        Capabilities that this root lacks.
    """

    apparmor: str = ""
    clone: str = ""
    zero_sysctls: tuple[str, ...] = ()
    seccomp: bool = False
    chrooted: bool = False
    no_new_privileges: bool = False
    granted_ids: int = 0
    root: bool = False
    lacks: tuple[str, ...] = field(default=())


def read_limits(proc: Path = Path("/proc")) -> Limits:
    """Read the settings of this machine."""
    status = _read(proc / "self/status")
    found = sorted((proc / "sys/user").glob("max_*_namespaces"))
    root = os.geteuid() == 0
    return Limits(
        apparmor=_read(proc / "sys/kernel/apparmor_restrict_unprivileged_userns").strip(),
        clone=_read(proc / "sys/kernel/unprivileged_userns_clone").strip(),
        zero_sysctls=tuple(f"user.{path.name}" for path in found if _read(path).strip() == "0"),
        seccomp=status_field(status, "Seccomp") not in ("", "0"),
        chrooted=not has_root_mount(_read(proc / "self/mountinfo")) or _differs_from_init(proc),
        no_new_privileges=status_field(status, "NoNewPrivs") == "1",
        granted_ids=min(subids.granted_ids(subids.user_name()).values()),
        root=root,
        lacks=lacking_capabilities(status_field(status, "CapEff")) if root else (),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _differs_from_init(proc: Path) -> bool:
    """Tell whether PID 1 has another root directory; only root may look."""
    try:
        return not (proc / "1/root/.").samefile("/")
    except OSError:
        return False


def status_field(status: str, name: str) -> str:
    """Return a field of ``/proc/PID/status`` (proc_pid_status(5)), or an empty text."""
    values = [line.split(":", 1)[1].strip() for line in status.splitlines() if line.startswith(f"{name}:")]
    return values[0] if values else ""


def has_root_mount(mountinfo: str) -> bool:
    """Tell whether something is mounted on ``/``; not so in a chroot to a plain directory."""
    return not mountinfo or any(line.split()[4] == "/" for line in mountinfo.splitlines())


def lacking_capabilities(effective: str) -> tuple[str, ...]:
    """Return which of the needed capabilities are not in a ``CapEff`` mask."""
    mask = int(effective or "0", 16)
    return tuple(name for name, bit in ROOT_NEEDS.items() if not mask >> bit & 1)


def find_refusal(runner: LocalRunner) -> Refusal | None:
    """Go through the stages of a start; return the first that the kernel refuses, None if none.

    The range of ids comes last: where the kernel refuses the namespaces
    themselves, ``unshare --map-auto`` of util-linux 2.38 leaves a process
    behind that waits for them for ever.
    """
    whole = unshare_argv()
    for stage, argv in stages(whole).items():
        message = _try(runner, argv)
        if message:
            return Refusal(stage, message)
    return None


def stages(whole: Sequence[str]) -> dict[str, list[str]]:
    """Return the steps towards the whole ``unshare`` line of a lab.

    Examples
    --------
    >>> line = ["unshare", "--user", "--map-root-user", "--map-auto", "--net", "--fork"]
    >>> for stage, argv in stages(line).items():
    ...     print(f"{stage}: {' '.join(argv)}")
    user namespace: unshare --user
    root in it: unshare --user --map-root-user
    further namespaces: unshare --user --map-root-user --net --fork
    range of ids: unshare --user --map-root-user --map-auto --net --fork
    """
    if "--user" not in whole:
        return {"further namespaces": list(whole)}
    return {
        "user namespace": ["unshare", "--user"],
        "root in it": ["unshare", "--user", "--map-root-user"],
        "further namespaces": [word for word in whole if word != "--map-auto"],
        RANGE_STAGE: list(whole),
    }


def _try(runner: LocalRunner, argv: Sequence[str]) -> str:
    try:
        done = runner.run([*argv, "true"], check=False, timeout_s=10)
    except (ExecutableNotFound, CommandTimeout) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"unshare: status {done.returncode}")


def explain(refusal: Refusal, limits: Limits) -> Check:
    """Return the check for a refusal: what stands in the way, and how to mend it."""
    cause, fix = _cause(refusal, limits)
    return Check("namespaces", "missing", f"{refusal.message} ({cause})", WHY, fix)


def _cause(refusal: Refusal, limits: Limits) -> tuple[str, str]:
    if "is not installed" in refusal.message:
        return "a program is missing", "install the packages above"
    if refusal.stage == PROBE_STAGE:
        fix = "kvmlab's Python must be readable to all users"
        return "the namespaces were made, but what is tried in them failed", fix
    if refusal.stage == RANGE_STAGE:
        return _cause_range(limits)
    if limits.zero_sysctls:
        lines = [set_sysctl(name, "15000") for name in limits.zero_sysctls]
        return f"{', '.join(limits.zero_sysctls)} is 0", "\n".join(lines)
    return _cause_root(limits) if limits.root else _cause_user(limits)


def _cause_range(limits: Limits) -> tuple[str, str]:
    user = subids.user_name()
    if limits.granted_ids < subids.NEEDED_IDS:
        return f"{user} has no range of {subids.NEEDED_IDS} further ids", subids.fix(user)
    if limits.no_new_privileges:
        return (
            "this process may not gain privileges, and newuidmap must",
            "start kvmlab without NoNewPrivileges",
        )
    fix = f"sudo apt-get install --reinstall uidmap\n{CONTAINER_ADVICE}"
    return (
        f"{user} has a range, but newuidmap may not map it: no privilege, or inside another user namespace",
        fix,
    )


def _cause_root(limits: Limits) -> tuple[str, str]:
    if limits.lacks:
        return (
            f"this root lacks {', '.join(limits.lacks)}",
            f"{CONTAINER_ADVICE}, or run kvmlab as an ordinary user",
        )
    return "no setting of this machine says why", CONTAINER_ADVICE


def _cause_user(limits: Limits) -> tuple[str, str]:
    if limits.clone == "0":
        name = "kernel.unprivileged_userns_clone"
        return f"{name} is 0", set_sysctl(name, "1")
    if limits.apparmor == "1":
        name = "kernel.apparmor_restrict_unprivileged_userns"
        return f"AppArmor: {name} is 1", set_sysctl(name, "0")
    if limits.chrooted:
        advice = "enter this root file system with a container tool, or with pivot_root, instead of chroot"
        return "in a chroot there are no user namespaces", advice
    if limits.seccomp:
        return "seccomp filters system calls, as container engines do", CONTAINER_ADVICE
    return (
        "no setting of this machine says why",
        f"{CONTAINER_ADVICE};\nin a chroot there are no user namespaces",
    )


def set_sysctl(name: str, value: str) -> str:
    """Return the line that sets a sysctl, now and at every start of the machine."""
    return f"echo '{name} = {value}' | sudo tee -a {SYSCTL_FILE} && sudo sysctl -p {SYSCTL_FILE}"
