"""Programs and packages, after the list in ``needs.txt``."""

import os
import platform
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import LocalRunner, complete_environment
from kvmlab.doctor.report import Check
from kvmlab.errors import CommandTimeout, ExecutableNotFound

NEEDS = Path(__file__).parent.parent / "needs.txt"
#: What only setting up takes; kvmlab runs already when this is asked.
SET_UP_ONLY = frozenset(
    {"python3", "python3-venv", "python3-dev", "gcc", "libc6-dev", "pkg-config", "libvirt-dev"}
)
#: dpkg's names of architectures, by those of uname(2).
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
#: libvirt's directories, over which a lab mounts its own.
DIRECTORIES = ("/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt")
#: Oldest versions that kvmlab is tested with: those of Debian 12.
OLDEST = {"QEMU": (7, 2), "libvirt": (9, 0)}


@dataclass(frozen=True, slots=True)
class Need:
    """A line of the list: a file that proves that a package is there."""

    pattern: str
    package: str
    why: str

    @property
    def is_program(self) -> bool:
        """Whether the file is a program that is looked for in PATH."""
        return Path(self.pattern).parent.name in ("bin", "sbin")


def read_needs(text: str, architecture: str) -> list[Need]:
    """Return the lines of the list that concern running kvmlab on this architecture."""
    needs = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pattern, package, why = (part.strip() for part in line.split("|"))
        name, *marks = package.split()
        if "(test)" in marks or name in SET_UP_ONLY:
            continue
        only = [mark.strip("[]") for mark in marks if mark.startswith("[")]
        if not only or architecture in only:
            needs.append(Need(pattern, name, why))
    return needs


def checks(runner: LocalRunner) -> list[Check]:
    """Return the checks of packages, versions and libvirt's directories."""
    machine = platform.machine()
    architecture = ARCHITECTURES.get(machine, machine)
    needs = read_needs(NEEDS.read_text(encoding="utf-8"), architecture)
    path = complete_environment()["PATH"]
    absent = [need for need in needs if not _is_installed(need, path)]
    hidden = [need for need in absent if need.is_program and os.access(need.pattern, os.X_OK)]
    lacking = [need for need in absent if need not in hidden]
    return [
        packages_check(lacking, len(needs), known=_known_packages(runner, lacking)),
        *([path_check(hidden)] if hidden else []),
        version_check("QEMU", version(runner, f"qemu-system-{machine}")),
        version_check("libvirt", version(runner, "libvirtd")),
        *_directories_check(),
    ]


def _is_installed(need: Need, path: str) -> bool:
    if need.is_program:
        return shutil.which(Path(need.pattern).name, path=path) is not None
    return any(Path("/").glob(need.pattern.lstrip("/")))


def _known_packages(runner: LocalRunner, needs: Sequence[Need]) -> frozenset[str] | None:
    """Return which of the packages this release has; None where there is no apt."""
    if not needs:
        return frozenset()
    names = list(dict.fromkeys(need.package for need in needs))
    try:
        done = runner.run(["apt-cache", "show", "--no-all-versions", *names], check=False, timeout_s=10)
    except (ExecutableNotFound, CommandTimeout):
        return None
    lines = done.stdout.splitlines()
    return frozenset(line.split()[1] for line in lines if line.startswith("Package: "))


def packages_check(lacking: Sequence[Need], total: int, *, known: frozenset[str] | None) -> Check:
    """Return the check of the packages, with one line that installs all that lack.

    Parameters
    ----------
    lacking
        What is not there.
    total
        Number of needs that were looked for.
    known
        Packages that apt knows; empty if its lists are, None without apt.
    """
    why = "programs and libraries of the distribution that labs use"
    if not lacking:
        return Check("packages", "ok", f"all {total} programs and libraries are there", why)
    observed = "; ".join(f"{need.package} is not installed ({need.why})" for need in lacking)
    if known is None:
        fix = f"install what provides {', '.join(need.pattern for need in lacking)}"
        return Check("packages", "missing", observed, why, fix)
    names = list(dict.fromkeys(need.package for need in lacking))
    install = "sudo apt-get install --no-install-recommends " + shlex.join(
        [name for name in names if not known or name in known]
    )
    return Check(
        "packages", "missing", observed, why, install if known else f"sudo apt-get update && {install}"
    )


def path_check(hidden: Sequence[Need]) -> Check:
    """Return the check of programs that are installed, but not found in PATH."""
    folders = dict.fromkeys(str(Path(need.pattern).parent) for need in hidden)
    observed = f"not in PATH: {', '.join(need.pattern for need in hidden)}"
    fix = f'export PATH="$PATH:{":".join(folders)}"'
    return Check("PATH", "missing", observed, "kvmlab starts programs by their names", fix)


def version(runner: LocalRunner, program: str) -> tuple[int, ...]:
    """Return the version that a program prints; empty if it does not run."""
    try:
        done = runner.run([program, "--version"], check=False, timeout_s=10)
    except (ExecutableNotFound, CommandTimeout):
        return ()
    return parse_version(done.stdout)


def parse_version(text: str) -> tuple[int, ...]:
    """Return the first dotted version number in a text.

    Examples
    --------
    >>> parse_version("libvirtd (libvirt) 9.0.0")
    (9, 0, 0)
    """
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def version_check(name: str, found: tuple[int, ...]) -> Check:
    """Return the check of a version."""
    why = "runs the guests" if name == "QEMU" else "defines and starts guests and networks"
    oldest = OLDEST[name]
    if not found:
        return Check(name, "missing", "does not run", why, "install the packages above")
    text = ".".join(map(str, found))
    if found < oldest:
        fix = f"use a distribution with {name} {'.'.join(map(str, oldest))} or newer"
        return Check(name, "warning", text, f"{why}; kvmlab was never tried with one so old", fix)
    return Check(name, "ok", text, why)


def _directories_check() -> list[Check]:
    absent = [path for path in DIRECTORIES if not Path(path).is_dir()]
    if not absent:
        return []
    why = "a lab mounts directories of its own over these"
    return [
        Check(
            "libvirt's directories",
            "missing",
            f"no {', '.join(absent)}",
            why,
            f"sudo mkdir -p {' '.join(absent)}",
        )
    ]
