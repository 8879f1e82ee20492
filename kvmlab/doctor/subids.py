"""The range of further user and group ids that a lab maps (subuid(5), subgid(5))."""

import os
import pwd
from pathlib import Path

from kvmlab.doctor.report import Check, Outcome

FILES = (Path("/etc/subuid"), Path("/etc/subgid"))
#: Ids that a whole system uses: 65534 is ``nobody``, whom dnsmasq becomes.
NEEDED_IDS = 65536
WHY = "the users inside a lab; dnsmasq and the packages of the guest image have users of their own"


def user_name() -> str:
    """Return the name of the user that this process runs as; the number if it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def granted(text: str, user: str, uid: int) -> int:
    r"""Return how many ids a subuid or subgid file grants in the user's first range.

    Examples
    --------
    >>> granted("ann:100000:65536\nbob:165536:1000\n", "bob", 1001)
    1000
    >>> granted("1001:100000:65536\n", "bob", 1001)
    65536
    """
    for line in text.splitlines():
        owner, _, numbers = line.partition(":")
        if owner in (user, str(uid)) and numbers.count(":") == 1:
            return int(numbers.split(":")[1])
    return 0


def granted_ids(user: str) -> dict[Path, int]:
    """Return how many ids each of the two files grants the user, who runs this process."""
    return {path: granted(_read(path), user, os.geteuid()) for path in FILES}


def next_free(*texts: str) -> int:
    r"""Return the first id above all ranges that are granted in these files.

    Examples
    --------
    >>> next_free("ann:100000:65536\n", "")
    165536
    """
    lines = [line.split(":") for text in texts for line in text.splitlines()]
    return max([100000, *(int(parts[1]) + int(parts[2]) for parts in lines if len(parts) == 3)])


def fix(user: str) -> str:
    """Return the line that grants the user a range of both kinds of ids."""
    first = next_free(*(_read(path) for path in FILES))
    ids = f"{first}-{first + NEEDED_IDS - 1}"
    return f"sudo usermod --add-subuids {ids} --add-subgids {ids} {user}"


def check(user: str, mapped: int | None) -> Check:
    """Return the check of the range.

    Parameters
    ----------
    user
        Name of the user.
    mapped
        How many ids a user namespace really had; None if none could be made.
    """
    if mapped is None:
        counts = granted_ids(user)
        observed = ", ".join(f"{path}: {count or 'no'} ids for {user}" for path, count in counts.items())
        enough = min(counts.values()) >= NEEDED_IDS
    else:
        observed = f"{mapped} ids in a user namespace"
        enough = mapped >= NEEDED_IDS
    outcome: Outcome = "ok" if enough else "missing"
    return Check("subordinate ids", outcome, observed, WHY, "" if enough else fix(user))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
