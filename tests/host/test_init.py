"""PID 1 of a running lab: what it answers, and that nothing a client sends ends it."""

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab.watching import wait_for

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import HostError
from kvmlab.host import client, world
from kvmlab.host.namespaces import owns_machine

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("init", progress=Silent()) as lab:
        yield lab


def names(lab: kl.Lab) -> list[str]:
    return [daemon.name for daemon in lab.daemons()]


def test_its_daemons_are_these_and_run(lab: kl.Lab) -> None:
    servers = [service.name for service in world.services()]
    of_root = ["device nodes"] if owns_machine() else []  # to others the machine's own are bound

    assert names(lab) == [*of_root, "libvirtd", *servers, "pc http", "internet http"]
    assert {daemon.state for daemon in lab.daemons()} == {"running"}


def test_the_state_of_chosen_hosts_is_read(lab: kl.Lab) -> None:
    assert list(lab.network_state(["pc", "router"])) == ["pc", "router"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"op": "explode"}, "unknown request 'explode'"),
        ({}, "unknown request None"),
        ({"op": "state", "hosts": ["moon"]}, "hosts are some of"),
        ({"op": "state", "hosts": ["../../proc/1/ns/net"]}, "hosts are some of"),
        ({"op": "state", "hosts": 5}, "hosts are some of"),
        ({"op": ["state"]}, "unknown request"),
    ],
)
def test_a_request_that_makes_no_sense_is_an_error(
    lab: kl.Lab, request_: dict[str, object], message: str
) -> None:
    with pytest.raises(HostError, match=message):
        client.request(lab.path, **request_)

    assert names(lab)


def test_it_survives_clients_of_every_kind(lab: kl.Lab) -> None:
    path = str(client.socket_paths(lab.path)[1])
    for line in (b"", b"\n", b"[]\n", b"5\n", b"\xff\n", b"x" * 200_000, b'{"op": "state"}\n', b'{"op": "st'):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(path)
            with contextlib.suppress(OSError):  # it hung up on us
                rude.sendall(line)

    assert names(lab)


def test_a_silent_client_does_not_keep_it_from_answering(lab: kl.Lab) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(client.socket_paths(lab.path)[1]))

        assert names(lab)


def test_many_clients_at_the_same_time_are_answered(lab: kl.Lab) -> None:
    with ThreadPoolExecutor(max_workers=32) as pool:
        answers = list(pool.map(lambda _: names(lab), range(100)))
        states = list(pool.map(lambda _: lab.network_state(), range(20)))

    assert len(set(map(tuple, answers))) == 1
    assert {len(state) for state in states} == {5}


def test_its_files_do_not_grow_with_its_clients(lab: kl.Lab) -> None:
    for _ in range(50):
        names(lab)

    # Those of a client that just left may still be there; those of 50 never are.
    assert wait_for(lambda: int(lab.host.run(["sh", "-c", "ls /proc/1/fd | wc -l"]).stdout) < 25)


def test_daemons_do_not_hold_the_lock_or_the_report(lab: kl.Lab) -> None:
    done = lab.host.run(
        ["sh", "-c", "for p in /proc/[0-9]*; do [ $p = /proc/1 ] || readlink $p/fd/*; done; true"]
    )

    assert str(lab.path / "log/libvirtd.log") in done.stdout  # others are seen
    assert str(lab.path / "lock") not in done.stdout
