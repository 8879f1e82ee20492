"""Nothing in a lab reaches the user's machine or its network, and no packet of a lab leaves it."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import lacks

import kvmlab as kl
from lab import boxed_machine
from lab.boxed_machine import KNOCK, PORT

pytestmark = pytest.mark.host

HOSTS = ("host", "switch", "router", "pc", "internet")

# ------------------------------------------------------------------ a machine in a box


@pytest.fixture(scope="module")
def box() -> dict[str, Any]:
    """What :mod:`lab.boxed_machine` saw in namespaces of its own."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    spaces = ["--net", "--mount", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child"]
    guest = [] if lacks("vm") else ["--guest"]
    line = ["unshare", *user, *spaces, sys.executable, boxed_machine.__file__, *guest]
    env = {**os.environ, "KVMLAB_ACCELERATOR": "tcg"}  # nobody has to find out anew in the box
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_box_hears_and_captures_what_the_machine_itself_sends(box: dict[str, Any]) -> None:
    heard, frames = box["control"]["heard"], box["control"]["frames"]

    assert len([line for line in heard if line.startswith("connection")]) == 2
    assert {line.split()[0] for line in frames} == {"lo", "eth0", "wire"}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_of_a_lab_reaches_no_address_of_the_machine(box: dict[str, Any], host: str) -> None:
    assert box[host]["reached"] == []


@pytest.mark.vm
def test_a_guest_reaches_no_address_of_the_machine(box: dict[str, Any]) -> None:
    assert box["guest"] == []


def test_no_server_of_the_machine_hears_anything_from_a_lab(box: dict[str, Any]) -> None:
    assert box["seen"]["heard"] == []


def test_no_frame_of_a_lab_is_on_a_link_of_the_machine(box: dict[str, Any]) -> None:
    assert box["seen"]["frames"] == []


@pytest.mark.parametrize("host", HOSTS)
def test_abstract_sockets_of_the_machine_are_out_of_reach(box: dict[str, Any], host: str) -> None:
    assert box[host]["abstract socket"] == "refused"


def test_a_lab_shares_no_memory_processes_or_run_directory_with_the_machine(box: dict[str, Any]) -> None:
    assert box["shared"] == {
        "System V shared memory": 0,
        "in /dev/shm": [],
        "sockets of the machine": [],
        "processes of the machine": [],
        "files of the machine in /run": 0,
    }


# ------------------------------------------------------------------ this machine itself


def own_addresses() -> list[str]:
    done = subprocess.run(["ip", "-json", "address"], capture_output=True, text=True, check=True)
    rows = [row for link in json.loads(done.stdout) for row in link["addr_info"]]
    return [row["local"] for row in rows if row["scope"] != "link"]


def gateways() -> list[str]:
    done = subprocess.run(["ip", "-json", "route"], capture_output=True, text=True, check=True)
    return [route["gateway"] for route in json.loads(done.stdout) if "gateway" in route]


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """Serve TCP on all addresses of this machine; yield the port, and who called."""
    callers: list[str] = []
    end, ender = socket.socketpair()
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server, end, ender:

        def listen() -> None:
            while end not in select.select([server, end], [], [])[0]:
                connection, address = server.accept()
                callers.append(address[0])
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield server.getsockname()[1], callers
        finally:
            ender.send(b"x")
            thread.join()


def test_no_address_of_this_machine_is_reached_from_a_lab(world: kl.Lab) -> None:
    targets = [*own_addresses(), *gateways()]
    with listening() as (port, callers):
        knock = KNOCK.replace(str(PORT), str(port))
        reached = {host: getattr(world, host).run([sys.executable, "-c", knock, *targets]) for host in HOSTS}
        own = subprocess.run(
            [sys.executable, "-c", knock, *targets], capture_output=True, text=True, check=True
        )

    assert {host: done.stdout for host, done in reached.items()} == dict.fromkeys(HOSTS, "")
    assert "127.0.0.1" in own.stdout.split()  # it can be reached, from outside the lab
    assert len(callers) == len(own.stdout.split())


@pytest.mark.root
def test_no_frame_with_a_labs_addresses_is_on_a_link_of_this_machine(world: kl.Lab) -> None:
    states = world.network_state()
    macs = {bytes.fromhex(link.mac.replace(":", "")) for state in states.values() for link in state.links}
    macs -= {bytes(6)}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003)) as capture:  # ETH_P_ALL
        capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        for host in HOSTS:
            for target in (*gateways(), "255.255.255.255", "224.0.0.1", "8.8.8.8"):
                getattr(world, host).run(["ping", "-b", "-c", "1", "-W", "0.3", target], check=False)
        subprocess.run(["ping", "-c", "1", "127.0.0.1"], capture_output=True, check=True)
        frames = list(received(capture))

    assert frames != []  # the capture works: the ping on the machine's own loopback is in it
    assert [frame.hex() for frame in frames if frame[:6] in macs or frame[6:12] in macs] == []


def received(capture: socket.socket) -> Iterator[bytes]:
    capture.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            yield capture.recv(65536)


def test_a_lab_has_no_link_that_leads_to_this_machine(world: kl.Lab) -> None:
    for host, state in world.network_state().items():
        for link in state.links:
            assert link.kind in ("loopback", "veth", "bridge"), f"{link.name} on {host}"
            assert link.peer is None or link.peer.netns is not None, f"{link.name} on {host}"


def test_the_machines_own_directories_of_libvirt_are_not_seen(world: kl.Lab) -> None:
    for path in ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/run"):
        inside = world.host.run(["stat", "--format", "%d:%i", path]).stdout.strip()
        outside = Path(path).stat()

        assert inside != f"{outside.st_dev}:{outside.st_ino}", path
