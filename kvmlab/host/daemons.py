"""The daemons of a lab, as PID 1 sees them: started, watched, reaped.

libvirt starts a dnsmasq for each network by itself; it is found by its pid file.
"""

import contextlib
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kvmlab._run import DEVNULL, LocalRunner
from kvmlab.errors import DaemonError
from kvmlab.host import kernel

#: libvirt's pid files of the networks' dnsmasq, one for each network that runs one.
NETWORK_PIDS = Path("/run/libvirt/network")
RUNNING = "running"


@dataclass(slots=True)
class Daemon:
    """A child of PID 1 that has to live as long as the lab."""

    name: str
    pid: int
    status: int | None = None

    @property
    def state(self) -> str:
        """``running``, or how it ended."""
        if self.status is None:
            return RUNNING
        code = os.waitstatus_to_exitcode(self.status)
        return f"killed by signal {-code}" if code < 0 else f"ended with status {code}"


@dataclass(slots=True)
class Daemons:
    """All daemons of the lab.

    Attributes
    ----------
    logs
        Directory of their logs.
    runner
        Runs commands on the KVM host.
    started
        Those that were started here, the first one first.
    """

    logs: Path
    runner: LocalRunner
    started: list[Daemon] = field(default_factory=list)

    def spawn(self, name: str, argv: list[str], *, host: str = "host") -> None:
        """Start a program on a host of the world, with a log of its own."""
        prefix = [] if host == "host" else ["ip", "netns", "exec", host]
        with self._log(name).open("wb") as log:
            process = self.runner.popen([*prefix, *argv], stdin=DEVNULL, stdout=log, stderr=log)
        self.started.append(Daemon(name, process.pid))
        process.returncode = 0  # reap() waits for it, not subprocess

    def fork(self, name: str, serve: Callable[[], None], *, host: str) -> None:
        """Run a function on a host of the world in a child of its own, for ever."""
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the lock and the report are PID 1's alone
                if host != "host":
                    kernel.enter_netns(kernel.NETNS_DIR / host)
                serve()
            except BaseException:  # noqa: BLE001  (this process ends here; its log says why)
                traceback.print_exc()
            finally:
                os._exit(1)
        self.started.append(Daemon(name, pid))

    def reap(self) -> None:
        """Collect every child and orphan that ended."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                for daemon in self.started:
                    if daemon.pid == ended[0] and daemon.status is None:
                        daemon.status = ended[1]

    def states(self) -> dict[str, str]:
        """Return the state of each daemon, by name; libvirt's own for its networks included."""
        self.reap()
        started = {daemon.name: daemon.state for daemon in self.started}
        return {**started, **_network_states()}

    def check(self) -> None:
        """Raise if one of the daemons ended.

        Raises
        ------
        DaemonError
            With the end of its log.
        """
        self.reap()
        for daemon in self.started:
            if daemon.status is not None:
                raise DaemonError(
                    daemon.name,
                    daemon.state,
                    log_tail=self.log_tail(daemon.name),
                    hint="run `kvmlab doctor`",
                )

    def log_tail(self, name: str) -> str:
        """Return the last lines of a daemon's log."""
        path = self._log(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-8:]) if path.exists() else ""

    def _log(self, name: str) -> Path:
        return self.logs / f"{name.replace(' ', '-')}.log"


def _network_states() -> dict[str, str]:
    files = sorted(NETWORK_PIDS.glob("*.pid")) if NETWORK_PIDS.is_dir() else []
    return {f"dnsmasq of network {path.stem}": _dnsmasq_state(path) for path in files if _is_network(path)}


def _is_network(path: Path) -> bool:
    """Tell a network's pid file from the driver's own, ``driver.pid``."""
    return path.with_suffix(".xml").exists()


def _dnsmasq_state(pid_file: Path) -> str:
    try:
        process = Path("/proc", pid_file.read_text(encoding="ascii").strip())
        arguments = (process / "cmdline").read_bytes()
        children = Path(process, "task", process.name, "children").read_text(encoding="ascii")
    except OSError:
        return "ended"
    if b"dnsmasq" not in arguments:  # the number was given to another process
        return "ended"
    # its child calls libvirt's lease helper (dnsmasq(8), --dhcp-script)
    return (
        "without its helper: leases are not seen"
        if b"--dhcp-script" in arguments and not children
        else RUNNING
    )
