"""The web server of the world: it tells a caller which address it saw.

Behind NAT that is the router's address, in bridged mode still the router's,
from a guest to the LAN PC its own: the page is an instrument.
"""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY

HTTP_PORT = 80


class DualStackServer(ThreadingHTTPServer):
    """Answers on IPv4 and IPv6."""

    address_family = AF_INET6
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind to both families (RFC 3493, section 5.3)."""
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        super().server_bind()


class SeenAddress(BaseHTTPRequestHandler):
    """Answers each GET with the name of the server and the caller's address."""

    server_version = "kvmlab"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a GET request."""
        caller = self.client_address[0].removeprefix("::ffff:")
        body = f"{self.headers.get('Host', 'nobody')}: hello, you are {caller}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Keep no log: the tool to see requests with is tcpdump."""


def serve(port: int = HTTP_PORT) -> None:
    """Serve in this process until it ends."""
    DualStackServer(("::", port), SeenAddress).serve_forever()
