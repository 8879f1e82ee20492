"""PID 1 of a lab: mounts, builds the world, starts the daemons, reaps, answers.

It runs inside the namespaces (``python -m kvmlab.host.init LAB_DIR REPORT_FD
LOCK_FD``). libvirtd must not be PID 1 itself: it does not reap orphans. One
thread does all work, so a child is reaped either by the call that started it
or by :meth:`Init.reap`, never by both.

Requests come as one JSON object per connection on a Unix socket; see
:mod:`kvmlab.host.client` for the other side.
"""

import contextlib
import json
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyroute2 import netns

from kvmlab._run import LocalRunner
from kvmlab.errors import DaemonError, KvmlabError
from kvmlab.host import build, links, mounts, web, world

#: Seconds that libvirtd may take to open its socket. A first start fills
#: its capabilities cache (one QEMU run per machine type), some seconds.
LIBVIRTD_BOUND_S = 60.0


@dataclass(slots=True)
class Daemon:
    """A child of init that has to live as long as the lab."""

    name: str
    pid: int
    status: int | None = None

    @property
    def state(self) -> str:
        """``running``, or how it ended."""
        if self.status is None:
            return "running"
        code = os.waitstatus_to_exitcode(self.status)
        return f"killed by signal {-code}" if code < 0 else f"ended with status {code}"


@dataclass(slots=True)
class Init:
    """The state of PID 1."""

    lab_dir: Path
    report: Callable[..., None]
    report_fd: int
    runner: LocalRunner = field(default_factory=lambda: LocalRunner("host"))
    daemons: list[Daemon] = field(default_factory=list)

    def start(self) -> socket.socket:
        """Bring the lab up; return the socket that requests come in on."""
        socket.sethostname(self.lab_dir.name)
        mounts.mount_all(self.lab_dir, self.runner)
        self.report(step="starting libvirtd")
        self.spawn("libvirtd", ["libvirtd"])
        self.report(step="building the LAN and the internet")
        build.build_world(self.runner)
        for service in world.services():
            self.spawn(service.name, list(service.argv), host=service.host)
        for host in world.WEB_HOSTS:
            self.fork_web(host)
        self.report(step="waiting for libvirtd")
        self.wait_for_libvirtd()
        self.wait_for_servers()
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self.lab_dir / "run/kvmlab.sock"))
        server.listen(64)
        return server

    def spawn(self, name: str, argv: list[str], *, host: str = "host") -> None:
        """Start a daemon on a host of the world, with its log in the lab's directory."""
        prefix = [] if host == "host" else ["ip", "netns", "exec", host]
        with (self.lab_dir / "log" / f"{name.replace(' ', '-')}.log").open("wb") as log:
            process = self.runner.popen([*prefix, *argv], stdin=None, stdout=log, stderr=log)
        self.daemons.append(Daemon(name, process.pid))
        process.returncode = 0  # reap() waits for it, not subprocess

    def fork_web(self, host: str) -> None:
        """Serve HTTP on a host of the world from a forked child."""
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.closerange(3, 256)  # the lock and the report pipe are PID 1's alone
                netns.setns(host)
                web.serve()
            finally:
                os._exit(1)
        self.daemons.append(Daemon(f"{host} http", pid))

    def wait_for_libvirtd(self) -> None:
        """Wait until libvirtd accepts connections."""
        deadline = time.monotonic() + LIBVIRTD_BOUND_S
        while not _accepts("/run/libvirt/libvirt-sock"):
            self.reap()
            self.check_starter()
            daemon = self.daemons[0]
            if daemon.status is not None or time.monotonic() > deadline:
                log = (self.lab_dir / "log/libvirtd.log").read_text(errors="replace")
                raise DaemonError("libvirtd", daemon.state, log_tail="\n".join(log.splitlines()[-8:]))
            time.sleep(0.01)

    def wait_for_servers(self) -> None:
        """Wait until every server of the world listens, so that a first probe is answered."""
        deadline = time.monotonic() + LIBVIRTD_BOUND_S
        wanted = {"router": {"53"}, "pc": {"80", "5201"}, "internet": {"53", "80", "5201"}}
        while wanted:
            for host in list(wanted):
                line = ["ip", "netns", "exec", host, "ss", "-Hltn"]
                listening = {
                    row.split()[3].rsplit(":", 1)[1] for row in self.runner.run(line).stdout.splitlines()
                }
                if wanted[host] <= listening:
                    del wanted[host]
            self.reap()
            self.check_starter()
            dead = [daemon for daemon in self.daemons if daemon.status is not None]
            if dead or time.monotonic() > deadline:
                name = dead[0].name if dead else f"servers on {', '.join(wanted)}"
                raise DaemonError(
                    name, dead[0].state if dead else "not listening", log_tail=self.log_tail(name)
                )

    def log_tail(self, name: str) -> str:
        """Return the last lines of a daemon's log."""
        path = self.lab_dir / "log" / f"{name.replace(' ', '-')}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-8:]) if path.exists() else ""

    def check_starter(self) -> None:
        """End the half-made lab at once if whoever starts it is gone."""
        poller = select.poll()
        poller.register(self.report_fd, 0)
        if poller.poll(0):  # POLLERR: nobody reads the pipe any more (poll(2))
            raise BrokenPipeError("the process that starts this lab is gone")

    def reap(self) -> None:
        """Collect every child and orphan that ended."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                for daemon in self.daemons:
                    if daemon.pid == ended[0]:
                        daemon.status = ended[1]

    def serve(self, server: socket.socket) -> None:
        """Answer requests until the lab is ended from outside."""
        wake_read, wake_write = socket.socketpair()
        for end in (wake_read, wake_write, server):
            end.setblocking(False)  # noqa: FBT003
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        selector = selectors.DefaultSelector()
        selector.register(wake_read, selectors.EVENT_READ)
        selector.register(server, selectors.EVENT_READ)
        while True:
            for key, _events in selector.select(timeout=1.0):
                if key.fileobj is wake_read:
                    wake_read.recv(4096)
                else:
                    with contextlib.suppress(OSError), server.accept()[0] as connection:
                        connection.settimeout(5.0)
                        self.answer(connection)
            self.reap()

    def answer(self, connection: socket.socket) -> None:
        """Read one request and write its answer."""
        with connection.makefile("rwb") as stream:
            try:
                reply = {"result": self.handle(json.loads(stream.readline()))}
            except (KvmlabError, OSError, ValueError, KeyError) as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            stream.write(json.dumps(reply).encode() + b"\n")

    def handle(self, request: dict[str, Any]) -> Any:
        """Carry out one request."""
        match request["op"]:
            case "daemons":
                self.reap()
                return [{"name": d.name, "state": d.state} for d in self.daemons]
            case "state":
                hosts = request.get("hosts") or world.HOSTS
                return {h: links.read_state(None if h == "host" else h).to_dict() for h in hosts}
            case unknown:
                raise ValueError(f"unknown request {unknown!r}")


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True


def main(lab_dir: Path, report_fd: int) -> None:
    """Run as PID 1 until the lab ends.

    Parameters
    ----------
    lab_dir
        Directory of the lab.
    report_fd
        Pipe to whoever starts the lab. If it breaks before the lab is ready,
        its starter is gone, and the half-made lab ends itself.
    """
    pipe = os.fdopen(report_fd, "w", buffering=1)

    def report(**message: object) -> None:
        pipe.write(json.dumps(message) + "\n")
        pipe.flush()

    init = Init(lab_dir, report, report_fd)
    try:
        server = init.start()
        report(ready=True)
    except KvmlabError as error:
        report(error=str(error), hint=error.hint, kind=type(error).__name__)
        raise SystemExit(1) from error
    except OSError as error:
        report(error=str(error), hint="run `kvmlab doctor`", kind="HostError")
        raise SystemExit(1) from error
    pipe.close()
    init.serve(server)


if __name__ == "__main__":
    # the lock: held by this process, not by its daemons
    os.set_inheritable(int(sys.argv[3]), False)  # noqa: FBT003
    main(Path(sys.argv[1]), int(sys.argv[2]))
