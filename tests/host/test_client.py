"""Talking to a PID 1 that is not there, not ready, gone, silent, or somewhere else."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmlab.errors import HostError, LabError
from kvmlab.host import client


@pytest.fixture
def lab_dir(tmp_path: Path) -> Path:
    (tmp_path / "nat/run").mkdir(parents=True)
    return tmp_path / "nat"


@pytest.fixture
def answering(lab_dir: Path) -> Iterator[Callable[[bytes], None]]:
    """Let a thread of this process be PID 1: it answers one request with these bytes."""
    listener = socket.socket(socket.AF_UNIX)
    threads = []

    def answer_once(reply: bytes) -> None:
        with listener.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(reply)

    def answer(reply: bytes) -> None:
        listener.bind(str(client.socket_paths(lab_dir)[1]))
        listener.listen()
        threads.append(threading.Thread(target=answer_once, args=(reply,)))
        threads[0].start()

    yield answer

    for thread in threads:
        thread.join()
    listener.close()


def test_a_result_is_returned(lab_dir: Path, answering: Callable[[bytes], None]) -> None:
    answering(b'{"result": [1, 2]}\n')

    assert client.request(lab_dir, op="sample") == [1, 2]


def test_an_error_of_pid_1_is_raised(lab_dir: Path, answering: Callable[[bytes], None]) -> None:
    answering(b'{"error": "no such thing"}\n')

    with pytest.raises(HostError, match="lab 'nat': no such thing"):
        client.request(lab_dir, op="sample")


@pytest.mark.parametrize("reply", [b"", b'{"result": [1'])
def test_a_pid_1_that_ends_meanwhile_is_an_error(
    lab_dir: Path, answering: Callable[[bytes], None], reply: bytes
) -> None:
    answering(reply)

    with pytest.raises(LabError, match="lab 'nat' ended while it was asked"):
        client.request(lab_dir, op="sample")


def test_a_pid_1_that_does_not_answer_is_an_error(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_BOUND_S", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(client.socket_paths(lab_dir)[1]))
        listener.listen()

        with pytest.raises(HostError, match=r"lab 'nat' did not answer in 0.05 s") as caught:
            client.request(lab_dir, op="sample")

    assert "kvmlab down nat" in caught.value.hint


def test_a_lab_that_does_not_run_says_how_to_start_it(lab_dir: Path) -> None:
    for action in (client.request, client.init_pid, client.any_init_pid):
        with pytest.raises(LabError, match="lab 'nat' is not running") as caught:
            action(lab_dir)
        assert "kvmlab up nat" in caught.value.hint


def test_a_socket_that_a_dead_lab_left_is_no_running_lab(lab_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(client.socket_paths(lab_dir)[1]))

    with pytest.raises(LabError, match="is not running"):
        client.init_pid(lab_dir)


def test_a_lab_that_starts_can_be_found_but_not_used(lab_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(client.socket_paths(lab_dir)[0]))
        listener.listen()

        assert client.any_init_pid(lab_dir) == os.getpid()
        with pytest.raises(LabError, match="is still starting"):
            client.init_pid(lab_dir)


def test_the_kernel_tells_who_listens(lab_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(client.socket_paths(lab_dir)[1]))
        listener.listen()

        assert client.init_pid(lab_dir) == os.getpid()


def test_only_unshare_is_taken_for_the_outermost_process() -> None:
    with pytest.raises(LabError, match="is ending"):
        client.outer_pid(os.getpid())


def test_a_process_that_ended_has_no_outermost_process() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

    with pytest.raises(LabError, match="is ending"):
        client.outer_pid(pid)
