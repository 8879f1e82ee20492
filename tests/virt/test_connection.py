"""Connections and errors, with libvirt's own test driver."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import DaemonError, LibvirtError
from kvmlab.virt.connection import Connection


@pytest.fixture
def connection() -> Iterator[Connection]:
    one = Connection("test:///default")
    yield one
    one.close()


def test_it_opens_when_it_is_first_used(connection: Connection) -> None:
    assert connection.vir.getURI() == "test:///default"
    assert connection.vir is connection.vir


def test_it_opens_again_after_it_was_closed(connection: Connection) -> None:
    first = connection.vir
    connection.close()

    assert connection.vir is not first
    assert connection.vir.isAlive()


def test_closing_what_was_never_opened_does_nothing() -> None:
    Connection("test:///default").close()


def test_a_refusal_names_the_action_and_keeps_libvirts_code(connection: Connection) -> None:
    with (
        pytest.raises(LibvirtError, match="cannot find domain 'vm9': Domain not found") as caught,
        connection.translated("find domain 'vm9'") as vir,
    ):
        vir.lookupByName("vm9")

    assert caught.value.code == libvirt.VIR_ERR_NO_DOMAIN
    assert "virsh list --all" in caught.value.hint


def test_another_error_passes_as_it_is(connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError), connection.translated("divide"):
        raise ZeroDivisionError


def test_a_libvirtd_that_is_not_there_is_named(tmp_path: Path) -> None:
    uri = f"qemu+unix:///system?socket={tmp_path}/none"

    with pytest.raises(DaemonError, match="libvirtd: does not answer on qemu") as caught:
        Connection(uri).vir  # noqa: B018

    assert "kvmlab down" in caught.value.hint


def test_libvirt_prints_nothing_when_it_refuses(capfd: pytest.CaptureFixture[str]) -> None:
    connection = Connection("test:///default")
    with pytest.raises(LibvirtError), connection.translated("find it") as vir:
        vir.lookupByName("nobody")
    connection.close()

    assert capfd.readouterr() == ("", "")


DAEMON = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listening", flush=True)
connection = server.accept()[0]
connection.recv(100)
"""


def test_a_libvirtd_that_hangs_up_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with subprocess.Popen([sys.executable, "-c", DAEMON, path], stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()

        with pytest.raises(DaemonError, match="libvirtd"):
            Connection(f"qemu+unix:///system?socket={path}").vir  # noqa: B018


@pytest.mark.host
def test_a_libvirtd_that_dies_during_a_call_is_named_and_its_successor_is_found(tmp_path: Path) -> None:
    with kl.Lab.start("virt-conn", progress=Silent()) as lab:
        connection = Connection(lab.uri)
        pid = int(lab.host.run(["cat", "/run/libvirtd.pid"]).stdout)
        assert connection.vir.listAllNetworks() == []
        lab.host.run(["kill", "-9", str(pid)])

        with (
            pytest.raises(DaemonError, match="libvirtd") as caught,
            connection.translated("list the networks") as vir,
        ):
            vir.listAllNetworks()
        lab.host.run(["libvirtd", "--daemon"])

        assert connection.vir.listAllNetworks() == []
        connection.close()
    assert "kvmlab" in caught.value.hint
