"""Run commands on a host of a lab."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kvmlab._run import LocalRunner, Process
from kvmlab.host import client, world
from kvmlab.host.environment import lab_environment
from kvmlab.host.namespaces import enter_argv


@dataclass(frozen=True, slots=True)
class HostRunner(LocalRunner):
    """Runs commands on one host of a lab, as long as the lab runs.

    Each command looks anew for the lab's PID 1: the number of one that ended
    may belong to another process by now.

    Parameters
    ----------
    lab_dir
        Directory of the lab.
    """

    lab_dir: Path = field(kw_only=True)

    def popen(
        self,
        argv: Sequence[str],
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        keep_fds: Sequence[int] = (),
    ) -> Process:
        """Start a command and return at once; see :meth:`LocalRunner.popen`.

        Raises
        ------
        LabError
            If the lab does not run.
        """
        prefix = enter_argv(client.init_pid(self.lab_dir), self.name)
        entered = LocalRunner(self.name, prefix, lab_environment())
        return entered.popen(argv, stdin=stdin, stdout=stdout, stderr=stderr, keep_fds=keep_fds)


def runners(lab_dir: Path) -> dict[str, HostRunner]:
    """Return a runner for each host of a lab.

    Raises
    ------
    LabError
        If the lab does not run.
    """
    client.init_pid(lab_dir)
    return {host: HostRunner(host, lab_dir=lab_dir) for host in world.HOSTS}
