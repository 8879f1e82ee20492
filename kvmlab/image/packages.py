"""Fetch the distribution's packages and unpack them into one tar file.

mmdebstrap does it, as root of a namespace of its own: no root of the machine
is needed, and the folder may be one that only its owner can enter, as a home
is on Debian and Ubuntu. Nothing of the packages is run.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._progress import Progress
from kvmlab._run import BOUND_TO_THIS, MAPPED_ROOT, LocalRunner

#: Seconds for fetching and unpacking the packages, on a slow line.
FETCH_BOUND_S = 3600.0
#: Share of the work after which the packages are there, as seen on a fast line.
_FETCHED = 0.8

_GET = re.compile(r"Get:(\d+) \S+ \S+ \S+ (\S+) \S+ (\S+) \[")
_TOTAL = re.compile(r"(\d+) newly installed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which packages of which distribution.

    Attributes
    ----------
    suite
        Release of the distribution, such as ``bookworm``.
    architecture
        Processor architecture in the distribution's words, such as ``amd64``.
    names
        Packages; those that they depend on come with them.
    sources
        Lines as in sources.list(5); empty for mmdebstrap's own default.
    """

    suite: str
    architecture: str
    names: Sequence[str]
    sources: Sequence[str]


def fetch(
    selection: Selection, target: Path, scratch: Path, steps: Progress, *, share: float
) -> dict[str, str]:
    """Fetch and unpack packages.

    Parameters
    ----------
    selection
        The packages.
    target
        Tar file with all their files.
    scratch
        Folder for what is in between.
    steps
        Told the steps and the share that is done.
    share
        Share of the whole that this is.

    Returns
    -------
    dict
        Version of each package.

    Raises
    ------
    CommandError
        If the packages cannot be fetched or unpacked.
    ExecutableNotFound
        If mmdebstrap is missing.
    """
    versions: dict[str, str] = {}
    total = 0
    runner = LocalRunner(prefix=own_root(), env={**os.environ, "TMPDIR": str(scratch)})
    for text in runner.stream(_line(selection, target), timeout_s=FETCH_BOUND_S):
        if found := _TOTAL.search(text):
            total = int(found[1])
        elif (found := _GET.match(text)) and total:
            versions[found[2]] = found[3]
            done = min(1.0, len(versions) / total)
            steps.step(f"fetching {found[2]}", done=_FETCHED * share * done)
            if done == 1.0:
                steps.step("unpacking packages", done=_FETCHED * share)
    return dict(sorted(versions.items()))


def own_root() -> tuple[str, ...]:
    """Return the prefix of a command that runs as root of its own namespace and ends with this process."""
    root = ("unshare",) if os.geteuid() == 0 else MAPPED_ROOT
    return (*BOUND_TO_THIS, *root, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


def _line(selection: Selection, target: Path) -> list[str]:
    return [
        *("mmdebstrap", "--variant=extract", "--mode=root", "--verbose"),
        *(f"--architectures={selection.architecture}", f"--include={','.join(selection.names)}"),
        *('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Retries "3"'),
        *(selection.suite, str(target), *selection.sources),
    ]
