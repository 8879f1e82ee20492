"""Find programs: where all of them are, which are missing, and one in the place of this process."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from kvmlab.errors import ExecutableNotFound

#: Folders of daemons and tools for administrators (libvirtd, dnsmasq, nft);
#: the PATH of an ordinary user lacks them on Debian (ENV_PATH in login.defs(5)).
_ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def complete_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment, by default this process's, in whose PATH all programs are found.

    Examples
    --------
    >>> complete_environment({"PATH": "/usr/bin:/usr/sbin"})
    {'PATH': '/usr/bin:/usr/sbin:/usr/local/sbin:/sbin'}
    """
    complete = dict(os.environ if env is None else env)
    folders = complete.get("PATH", os.defpath).split(os.pathsep)
    complete["PATH"] = os.pathsep.join(dict.fromkeys([*folders, *_ADMIN_FOLDERS]))
    return complete


def require(*programs: str) -> None:
    """Raise if a program is not installed.

    Raises
    ------
    ExecutableNotFound
        Naming the first that is missing.
    """
    path = complete_environment()["PATH"]
    for name in programs:
        if shutil.which(name, path=path) is None:
            raise ExecutableNotFound(name)


def replace_process(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    """Replace this process by a command (for interactive programs).

    Parameters
    ----------
    argv
        The command.
    env
        Its environment; this process's own by default.

    Raises
    ------
    ExecutableNotFound
        If the program is not installed.
    """
    complete = complete_environment(env)
    if shutil.which(argv[0], path=complete["PATH"]) is None:
        raise ExecutableNotFound(argv[0])
    sys.stdout.flush()  # what was printed so far would be lost
    os.execvpe(argv[0], list(argv), complete)
