"""PID 1 of a lab: mounts, builds the world, starts the daemons, reaps, answers.

It runs inside the namespaces (``python -m kvmlab.host.init LAB_DIR REPORT_FD
LOCK_FD``). libvirtd must not be PID 1 itself: it does not reap orphans. One
thread does all work, so a child is reaped either by the call that started it
or by :meth:`Daemons.reap`, never by both.

Its socket has one name while the lab is being made and another when it is
ready, so that a half-made lab can be found and ended, but not used.
:mod:`kvmlab.host.client` is the other side.
"""

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from kvmlab._run import LocalRunner
from kvmlab.errors import DaemonError, KvmlabError
from kvmlab.host import build, client, devices, kernel, links, mounts, web, world
from kvmlab.host.daemons import Daemons
from kvmlab.host.server import Server

LIBVIRTD_SOCKET = "/run/libvirt/libvirt-sock"
#: Seconds that libvirtd may take to open its socket. A first start fills
#: its capabilities cache (one QEMU run per machine type), some seconds.
LIBVIRTD_BOUND_S = 60.0
#: Seconds that the servers of the world may take to listen.
SERVERS_BOUND_S = 20.0
#: Seconds until the kernel must have seen that the cables are plugged in.
CABLES_BOUND_S = 20.0
#: TCP ports that have to listen before a lab is ready, so that a first probe is answered.
PORTS = {"router": {53}, "pc": {80, 5201}, "internet": {53, 80, 5201}}
#: State of a listening socket in /proc/net/tcp (proc_pid_net(5)).
_LISTEN = "0A"


@dataclass(slots=True)
class Init:
    """The state of PID 1.

    Attributes
    ----------
    lab_dir
        Directory of the lab.
    report_fd
        Pipe to whoever starts the lab.
    """

    lab_dir: Path
    report_fd: int
    runner: LocalRunner = field(default_factory=lambda: LocalRunner("host"))
    daemons: Daemons = field(init=False)

    def __post_init__(self) -> None:
        self.daemons = Daemons(self.lab_dir / "log", self.runner)

    def report(self, **message: object) -> None:
        """Tell whoever starts the lab.

        Raises
        ------
        BrokenPipeError
            If there is nobody any more.
        """
        os.write(self.report_fd, json.dumps(message).encode() + b"\n")

    def start(self) -> socket.socket:
        """Bring the lab up; return the socket that requests come in on."""
        listener = socket.socket(socket.AF_UNIX)
        starting, ready = client.socket_paths(self.lab_dir)
        listener.bind(str(starting))
        listener.listen(64)
        self.report(step="mounting the lab's own file systems")
        socket.sethostname(self.lab_dir.name)
        mounts.mount_all(self.lab_dir)
        if devices.may_make_nodes(self.lab_dir / "run"):
            self.daemons.fork("device nodes", devices.serve, host="host")
        self.report(step="starting libvirtd")
        self.daemons.spawn("libvirtd", ["libvirtd"])
        self.report(step="building the LAN and the internet")
        build.build_world(self.runner)
        self.report(step="starting the servers of the world")
        for service in world.services():
            self.daemons.spawn(service.name, list(service.argv), host=service.host)
        for host in world.WEB_HOSTS:
            self.daemons.fork(f"{host} http", web.serve, host=host)
        self.report(step="waiting for the servers and libvirtd")
        self.wait_for("servers of the world", _all_listen, SERVERS_BOUND_S)
        self.wait_for("cables of the world", _all_carry, CABLES_BOUND_S)
        self.wait_for("libvirtd", lambda: _accepts(LIBVIRTD_SOCKET), LIBVIRTD_BOUND_S)
        starting.rename(ready)
        return listener

    def wait_for(self, what: str, condition: Callable[[], bool], bound_s: float) -> None:
        """Wait for a condition; end the half-made lab at once if its starter or a daemon is gone."""
        deadline = time.monotonic() + bound_s
        while not condition():
            self.daemons.check()
            if not _is_read(self.report_fd):
                raise BrokenPipeError("the process that starts this lab is gone")
            if time.monotonic() > deadline:
                tail = self.daemons.log_tail(what)
                raise DaemonError(what, f"not ready after {bound_s:g} s", log_tail=tail)
            time.sleep(0.005)

    def serve(self, listener: socket.socket) -> NoReturn:
        """Answer requests until the lab is ended from outside."""
        wake_read, wake_write = socket.socketpair()
        wake_write.setblocking(False)  # noqa: FBT003
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        from kvmlab.host import netlink  # noqa: F401  (0.2 s; loaded now, the first request need not wait)

        server = Server(listener, self.handle)
        server.watch(wake_read)
        while True:
            server.turn()
            self.daemons.reap()

    def handle(self, request: dict[str, Any]) -> Any:
        """Carry out one request."""
        match request.get("op"):
            case "daemons":
                return [{"name": name, "state": state} for name, state in self.daemons.states().items()]
            case "state":
                return {host: _state(host) for host in _known(request.get("hosts", world.HOSTS))}
            case unknown:
                raise ValueError(f"unknown request {unknown!r}")


def _known(hosts: Any) -> Iterable[str]:
    if not isinstance(hosts, list | tuple) or not set(map(str, hosts)) <= set(world.HOSTS):
        raise ValueError(f"hosts are some of {', '.join(world.HOSTS)}, not {hosts!r}")
    return hosts


def _state(host: str) -> dict[str, Any]:
    return links.read_state(None if host == "host" else host).to_dict()


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _all_carry() -> bool:
    for host, link in (end for nic in world.NICS for end in ((nic.host, nic.name), nic.peer)):
        with kernel.inside_netns(kernel.OWN_NETNS if host == "host" else kernel.NETNS_DIR / host):
            if not kernel.is_running(link):
                return False
    return True


def _all_listen() -> bool:
    for host, ports in PORTS.items():
        with kernel.inside_netns(kernel.NETNS_DIR / host):
            if not ports <= _listening_ports():
                return False
    return True


def _listening_ports() -> set[int]:
    # not through `ss`: it would be started some dozen times
    lines = [line for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()]
    rows = (line.split() for line in lines)
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == _LISTEN}


def _is_read(pipe: int) -> bool:
    """Tell whether somebody may still read the pipe (POLLERR, poll(2))."""
    poller = select.poll()
    poller.register(pipe, 0)
    return not poller.poll(0)


def main(lab_dir: Path, report_fd: int) -> NoReturn:
    """Run as PID 1 until the lab ends.

    Parameters
    ----------
    lab_dir
        Directory of the lab.
    report_fd
        Pipe to whoever starts the lab. If it breaks before the lab is ready,
        its starter is gone, and the half-made lab ends itself.
    """
    # without a handler the kernel keeps signals from PID 1 (pid_namespaces(7))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    init = Init(lab_dir, report_fd)
    try:
        listener = init.start()
        init.report(ready=True)
    except BrokenPipeError as error:
        raise SystemExit(1) from error
    except (KvmlabError, OSError) as error:
        with suppress(BrokenPipeError):
            init.report(error=str(error), hint=getattr(error, "hint", "") or "run `kvmlab doctor`")
        raise SystemExit(1) from error
    os.close(report_fd)
    init.serve(listener)


if __name__ == "__main__":
    for number in sys.argv[2:4]:  # held by this process, not by its daemons
        os.set_inheritable(int(number), False)  # noqa: FBT003
    main(Path(sys.argv[1]), int(sys.argv[2]))
