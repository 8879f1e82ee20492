"""The web server tells its caller which address it saw."""

import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from kvmlab.host.web import DualStackServer, SeenAddress


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with DualStackServer(("::", 0), SeenAddress) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("host", "seen"), [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")])
def test_a_caller_is_told_its_address(port: int, host: str, seen: str) -> None:
    with urllib.request.urlopen(f"http://{host}:{port}/any/path") as response:
        body = response.read().decode()

    assert body == f"{host}:{port}: hello, you are {seen}\n"


def test_a_caller_that_names_no_host_is_answered(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    connection.putrequest("GET", "/", skip_host=True)
    connection.endheaders()

    body = connection.getresponse().read()
    connection.close()

    assert body == b"nobody: hello, you are 127.0.0.1\n"


def test_what_it_does_not_serve_is_an_error(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/", body="x")

    status = connection.getresponse().status
    connection.close()

    assert status == 501
