"""Answer requests on a Unix socket in one thread, whatever clients do.

PID 1 of a lab must not die and must not wait for anybody: a client that sends
nonsense gets an error, one that is slow or silent is left alone until its time
is up, one that goes away is forgotten. A request is one line of JSON, an
object; so is its answer, ``{"result": …}`` or ``{"error": …}``.
"""

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kvmlab.errors import KvmlabError

#: Longest request; the longest one of :mod:`kvmlab.host.client` has some hundred bytes.
REQUEST_LIMIT_BYTES = 64 * 1024
#: Clients that are served at a time; more of them wait in the socket's queue.
CLIENT_LIMIT = 64
#: Seconds from the connection of a client to the end of its answer.
CLIENT_BOUND_S = 10.0
#: Seconds after which :meth:`Server.turn` returns, with or without a client.
TURN_S = 1.0


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    answer: memoryview | None = None


class Server:
    """Serves the clients of a listening socket.

    Parameters
    ----------
    listener
        The socket.
    handle
        Carries out one request and returns what JSON can say.
    """

    def __init__(self, listener: socket.socket, handle: Callable[[dict[str, Any]], Any]) -> None:
        self._listener = listener
        self._handle = handle
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)  # noqa: FBT003
        self._selector.register(listener, selectors.EVENT_READ)

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def close(self) -> None:
        """Leave all clients alone; the listening socket is its owner's."""
        for client in list(self._clients.values()):
            self._forget(client)
        self._selector.close()

    def watch(self, wake: socket.socket) -> None:
        """Return from :meth:`turn` also when something arrives on this socket."""
        wake.setblocking(False)  # noqa: FBT003
        self._selector.register(wake, selectors.EVENT_READ, data=wake)

    def turn(self) -> None:
        """Wait for events, at most ``TURN_S`` seconds, and serve what is ready."""
        for key, _events in self._selector.select(TURN_S):
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.data, _Client):
                self._serve(key.data)
            else:
                key.data.recv(4096)
        now = time.monotonic()
        for client in [client for client in self._clients.values() if client.deadline < now]:
            self._forget(client)

    def _accept(self) -> None:
        if len(self._clients) >= CLIENT_LIMIT:
            self._selector.unregister(self._listener)
            return
        with contextlib.suppress(OSError):  # it went away before it was its turn
            connection = self._listener.accept()[0]
            connection.setblocking(False)  # noqa: FBT003
            client = _Client(connection, time.monotonic() + CLIENT_BOUND_S)
            self._clients[connection.fileno()] = client
            self._selector.register(connection, selectors.EVENT_READ, data=client)

    def _forget(self, client: _Client) -> None:
        self._selector.unregister(client.connection)
        del self._clients[client.connection.fileno()]
        client.connection.close()
        if self._listener.fileno() not in self._selector.get_map():
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _serve(self, client: _Client) -> None:
        try:
            is_done = self._receive(client) if client.answer is None else self._send(client)
        except BlockingIOError:
            return
        except OSError:  # the client is gone
            is_done = True
        if is_done:
            self._forget(client)

    def _receive(self, client: _Client) -> bool:
        """Read what there is; with the whole request, answer it. True if nothing will come."""
        part = client.connection.recv(REQUEST_LIMIT_BYTES)
        if not part:
            return True
        client.received += part
        line, end, _rest = client.received.partition(b"\n")
        if end:
            client.answer = memoryview(self._answer(bytes(line)))
        elif len(client.received) > REQUEST_LIMIT_BYTES:
            client.answer = memoryview(
                _encoded({"error": f"request longer than {REQUEST_LIMIT_BYTES} bytes"})
            )
        else:
            return False
        self._selector.modify(client.connection, selectors.EVENT_WRITE, data=client)
        return self._send(client)

    def _send(self, client: _Client) -> bool:
        """Write what fits; True once all is written."""
        if client.answer is not None:
            client.answer = client.answer[client.connection.send(client.answer) :]
        return not client.answer

    def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request is a JSON object")  # noqa: TRY004
            return _encoded({"result": self._handle(request)})
        except KvmlabError as error:
            return _encoded({"error": str(error)})
        except Exception as error:  # noqa: BLE001  (PID 1 outlives whatever a client asks)
            return _encoded({"error": f"{type(error).__name__}: {error}"})


def _encoded(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
