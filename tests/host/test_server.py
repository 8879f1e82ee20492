"""The server of PID 1 outlives whatever clients do, and none of them holds up another."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmlab.errors import LabError
from kvmlab.host import server
from kvmlab.host.server import CLIENT_LIMIT, REQUEST_LIMIT_BYTES, Server


class Served:
    """A server that runs in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(256)
        self.wake, wake = socket.socketpair()
        self._closing = [listener, self.wake, wake]
        self._server = Server(listener, self.handle)
        self._server.watch(wake)
        self._runs = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def handle(self, request: dict[str, Any]) -> Any:
        match request:
            case {"echo": value}:
                return value
            case {"fail": "kvmlab"}:
                raise LabError("as expected")
            case {"fail": _}:
                raise ZeroDivisionError("by design")
        return request["missing"]

    def _run(self) -> None:
        while self._runs:
            self._server.turn()

    def stop(self) -> None:
        self._runs = False
        self.wake.send(b"x")
        self._thread.join()
        self._server.close()
        for one in self._closing:
            one.close()

    def client(self) -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(20)
        one.connect(str(self.path))
        return one

    def ask(self, line: bytes) -> Any:
        with self.client() as client:
            client.sendall(line)
            return answer(client)


def answer(client: socket.socket) -> Any:
    with client.makefile("rb") as stream:
        line = stream.readline()
    return json.loads(line) if line else None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path / "s")

    yield one

    one.stop()


def test_a_request_is_answered(served: Served) -> None:
    assert served.ask(b'{"echo": [1, "two"]}\n') == {"result": [1, "two"]}


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b"5\n",
        b"null\n",
        b'"op"\n',
        b"\xff\xfe\n",
        b"{}\n",
        b'{"echo": ' + b"[" * 20000 + b"\n",
        b'{"echo": {"a": 1}\n',
        b'{"fail": 1}\n',
        b"[" * REQUEST_LIMIT_BYTES * 2,
    ],
    ids=lambda line: repr(line[:12]),
)
def test_nonsense_gets_an_error(served: Served, line: bytes) -> None:
    reply = served.ask(line)

    assert list(reply) == ["error"]
    assert served.ask(b'{"echo": 1}\n') == {"result": 1}


def test_an_error_of_kvmlab_is_told_in_its_own_words(served: Served) -> None:
    assert served.ask(b'{"fail": "kvmlab"}\n') == {"error": "as expected"}


def test_a_result_that_is_no_json_is_an_error(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served._server, "_handle", lambda _request: {1, 2})

    assert "TypeError" in served.ask(b'{"echo": 1}\n')["error"]


def test_a_request_may_come_in_pieces(served: Served) -> None:
    with served.client() as client:
        for byte in b'{"echo": 1}\n':
            client.sendall(bytes([byte]))

        assert answer(client) == {"result": 1}


def test_a_slow_client_holds_up_nobody(served: Served) -> None:
    with served.client() as slow:
        slow.sendall(b'{"echo"')

        assert served.ask(b'{"echo": 1}\n') == {"result": 1}

        slow.sendall(b": 2}\n")
        assert answer(slow) == {"result": 2}


def test_a_client_that_reads_slowly_gets_all_of_a_long_answer_and_holds_up_nobody(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "x" * 3_000_000
    monkeypatch.setattr(served._server, "_handle", lambda _request: text)
    with served.client() as slow:
        slow.sendall(b"{}\n")
        first = slow.recv(10)
        with served.client() as other:
            other.sendall(b"{}\n")
            assert answer(other) == {"result": text}
        rest = b"".join(iter(lambda: slow.recv(1 << 16), b""))

    assert json.loads(first + rest) == {"result": text}


def test_clients_that_go_away_are_forgotten(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served._server, "_handle", lambda _request: "x" * 3_000_000)
    for sent in (b"", b'{"echo"', b'{"echo": 1}\n'):  # silent, in the middle, before the answer is read
        client = served.client()
        client.sendall(sent)
        client.close()
    monkeypatch.undo()

    assert served.ask(b'{"echo": 1}\n') == {"result": 1}
    assert wait_until_alone(served)


def wait_until_alone(served: Served) -> bool:
    deadline = time.monotonic() + 10
    while served._server.clients and time.monotonic() < deadline:
        time.sleep(0.01)
    return served._server.clients == 0


def test_a_silent_client_is_left_when_its_time_is_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLIENT_BOUND_S", 0.05)
    with served.client() as silent:
        assert answer(silent) is None


def test_more_clients_than_are_served_at_a_time_wait_for_their_turn(served: Served) -> None:
    silent = [served.client() for _ in range(CLIENT_LIMIT)]
    with served.client() as one_more:
        one_more.sendall(b'{"echo": 1}\n')
        silent[0].close()

        assert answer(one_more) == {"result": 1}
    for client in silent[1:]:
        client.close()


def test_many_at_the_same_time_get_their_own_answers(served: Served) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = served.ask(b'{"echo": %d}\n' % number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3 * CLIENT_LIMIT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {number: {"result": number} for number in range(3 * CLIENT_LIMIT)}
