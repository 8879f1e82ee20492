"""A machine in a box: a lab is started in it and tries to get out; prints what was seen as JSON.

Runs as ``unshare --net --mount --pid … python boxed_machine.py [--guest]``. The box stands
for the learner's machine: it has a link with a default route, listens on all its addresses,
and captures every frame on every link. Nothing else lives in it, so what is captured
comes from the lab, or from the machine itself when it shows that the capture works.
"""

import contextlib
import json
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab._run import Runner

ADDRESS, ADDRESS6, GATEWAY = "10.77.0.2", "fd77::2", "10.77.0.1"
PORT = 7777
#: Where the machine itself says which multicast groups it listens to, also unasked (RFC 3810).
MLD_REPORT = bytes.fromhex("333300000016")
ABSTRACT = "\0kvmlab-outside"
#: Addresses that something in a lab may try to reach the machine or its network by.
TARGETS = (ADDRESS, GATEWAY, ADDRESS6, "127.0.0.1", "::1", "10.77.0.255", "192.0.2.1")

#: Sends a datagram and asks for a connection; prints each address that accepted one.
KNOCK = f"""
import contextlib, socket, sys
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as talker:
        talker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        talker.sendto(b"knock", (address, {PORT}))
    with contextlib.suppress(OSError), socket.socket(family) as caller:
        caller.settimeout(0.3)
        caller.connect((address, {PORT}))
        print(address)
"""
#: Connects to a socket in the abstract namespace (unix(7)); prints whether it could.
ABSTRACT_KNOCK = """
import socket
try:
    socket.socket(socket.AF_UNIX).connect("\\0kvmlab-outside")
    print("reached")
except ConnectionRefusedError:
    print("refused")
"""
#: Asks for connections from a guest, which has no Python; prints each URL whose server accepted one,
#: whatever came then (52, 56: curl(1), "EXIT CODES").
GUEST_KNOCK = """
for url in "$@"; do
    (curl --silent --max-time 2 "$url"; case $? in 0 | 52 | 56) echo "$url" ;; esac) &
done
wait
"""


def sh(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=True)
    return done.stdout


def become_a_machine() -> None:
    """Give the box a link with addresses and a default route; its far end is nowhere to be found."""
    for folder in ("/dev/shm", "/run"):
        sh("mount", "-t", "tmpfs", "tmpfs", folder)
    for key in ("accept_dad", "accept_ra", "router_solicitations"):
        Path(f"/proc/sys/net/ipv6/conf/default/{key}").write_text("0")
    lines = [
        "link set lo up",
        "link add eth0 address 02:77:00:00:00:02 type veth peer name wire",
        "link set wire up",
        "link set eth0 up",
        f"address add {ADDRESS}/24 dev eth0",
        f"address add {ADDRESS6}/64 dev eth0",
        f"neighbour add {GATEWAY} lladdr 02:77:00:00:00:01 dev eth0",
        f"route add default via {GATEWAY}",
    ]
    sh("ip", "-batch", "-", stdin="\n".join(lines))


class Listener:
    """Counts what arrives at the machine: connections, datagrams, and frames on its links."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.frames: list[str] = []
        self._stop, self._end = socket.socketpair()
        self._sockets = [*self._servers(), self._packets()]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _servers(self) -> Iterator[socket.socket]:
        for family, kind, address in (
            (socket.AF_INET6, socket.SOCK_STREAM, ("::", PORT)),
            (socket.AF_INET6, socket.SOCK_DGRAM, ("::", PORT)),
            (socket.AF_UNIX, socket.SOCK_STREAM, ABSTRACT),
        ):
            server = socket.socket(family, kind)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen()
            yield server

    def _packets(self) -> socket.socket:
        all_protocols = 0x0003  # ETH_P_ALL, packet(7)
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(all_protocols))

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._end, *self._sockets], [], [])
            if self._end in ready:
                return
            for one in ready:
                if one.family == socket.AF_PACKET:
                    frame, origin = one.recvfrom(65536)
                    if frame[:6] != MLD_REPORT:
                        self.frames.append(f"{origin[0]} {frame[:60].hex()}")
                elif one.type == socket.SOCK_DGRAM:
                    self.heard.append(f"datagram from {one.recvfrom(1024)[1][0]}")
                else:
                    caller, address = one.accept()
                    caller.close()
                    self.heard.append(f"connection from {address or 'a local process'}")

    def taken(self) -> dict[str, list[str]]:
        """Return what was heard and captured since the last time."""
        found = {"heard": list(self.heard), "frames": list(self.frames)}
        self.heard.clear()
        self.frames.clear()
        return found

    def close(self) -> None:
        self._stop.send(b"x")
        self._thread.join()
        for one in (self._stop, self._end, *self._sockets):
            one.close()


#: Pings each address, all at the same time.
PING_ALL = ["sh", "-c", 'for to in "$@"; do ping -b -c 1 -W 1 "$to" & done; wait', "sh"]


def attempts(runner: Runner) -> dict[str, Any]:
    """Try to get out of a lab from one of its hosts."""
    runner.run([*PING_ALL, *TARGETS, "255.255.255.255", "ff02::1%lo"], check=False)
    return {
        "reached": runner.run([sys.executable, "-c", KNOCK, *TARGETS]).stdout.split(),
        "abstract socket": runner.run([sys.executable, "-c", ABSTRACT_KNOCK]).stdout.strip(),
    }


def learner_does_something_foolish(lab: kl.Lab) -> None:
    """Point the lab's own routes at the machine's network."""
    for subnet in ("10.77.0.0/24", "192.0.2.0/24"):
        lab.host.run(["ip", "route", "add", subnet, "dev", "enp1s0"])
        lab.router.run(["ip", "route", "add", subnet, "dev", "wan0"])
    lab.host.run(["sysctl", "-q", "-w", "net.ipv4.conf.all.route_localnet=1"], check=False)


def guest_attempts(lab: kl.Lab) -> list[str]:
    """Try the same from a guest behind NAT."""
    lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
    guest = lab.define(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(network="blue"),)))
    guest.start(progress=Silent()).wait_until_ready()
    outside = (ADDRESS, GATEWAY, ADDRESS6)
    guest.run([*PING_ALL, *outside], check=False)
    names = [f"[{target}]" if ":" in target else target for target in outside]
    urls = [f"http://{name}:{PORT}/" for name in names]
    reached = guest.run(["sh", "-c", GUEST_KNOCK, "sh", *urls]).stdout.split()
    assert guest.run(["sh", "-c", GUEST_KNOCK, "sh", "http://8.8.8.8/"]).stdout.endswith("http://8.8.8.8/\n")
    return reached


def shared_memory(lab: kl.Lab) -> dict[str, Any]:
    """Look in a lab for what the machine has outside of its network."""
    look = lab.host.run
    return {
        "System V shared memory": look(["ipcs", "-m"]).stdout.count("0x"),
        "in /dev/shm": look(["ls", "/dev/shm"]).stdout.split(),
        "sockets of the machine": [
            line.split()[-1]
            for line in look(["cat", "/proc/net/unix"]).stdout.splitlines()
            if "kvmlab-outside" in line
        ],
        "processes of the machine": look(["pgrep", "-f", "boxed_machine"], check=False).stdout.split(),
        "files of the machine in /run": look(["ls", "/run"]).stdout.split().count("of-the-machine"),
    }


def try_it(action: Callable[[], object]) -> None:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        action()


def main(*, with_guest: bool) -> dict[str, Any]:
    become_a_machine()
    for folder in ("/dev/shm", "/run"):
        Path(folder, "of-the-machine").write_text("")
    sh("ipcmk", "-M", "4096")
    listener = Listener()
    found: dict[str, Any] = {}
    with kl.Lab.start("boxed", progress=Silent()) as lab:
        learner_does_something_foolish(lab)
        names = ("host", "switch", "router", "pc", "internet")
        with ThreadPoolExecutor() as pool:
            found |= zip(names, pool.map(lambda name: attempts(getattr(lab, name)), names), strict=True)
        if with_guest:
            found["guest"] = guest_attempts(lab)
        found["shared"] = shared_memory(lab)
    found["seen"] = listener.taken()
    # and now the machine itself, to show that the listener hears and the capture works
    try_it(lambda: sh("ping", "-c", "1", "-W", "0.2", GATEWAY))
    try_it(lambda: socket.create_connection(("127.0.0.1", PORT)).close())
    try_it(lambda: socket.create_connection((ADDRESS6, PORT)).close())
    deadline = threading.Event()
    while len(listener.heard) < 2 and not deadline.wait(0.05):
        pass
    found["control"] = listener.taken()
    listener.close()
    return found


if __name__ == "__main__":
    json.dump(main(with_guest="--guest" in sys.argv), sys.stdout)
