"""What runs of iperf3 have in common: two ends, a client's report in JSON, and what may go wrong.

Facts from iperf3(1), and as seen with iperf 3.12:

- With ``--json`` a client that could not connect, or whose server ended in the
  middle of a run, may end with status 0, and its JSON may hold figures beside
  the word ``error``. So only the absence of ``error`` means success.
- ``--time`` and ``--omit`` are whole seconds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kvmlab._run import Runner
from kvmlab.errors import CommandTimeout, MeasurementError
from kvmlab.measure.facts import check_target
from kvmlab.measure.iperf3_server import PORT, start_server
from kvmlab.measure.ports import free_port

#: Bounds in seconds: until connected; beyond the traffic itself.
CONNECT_BOUND_S = 5
GRACE_S = 20.0
#: What a run takes beyond its traffic at the least, seen: start, connection, end.
_BEYOND_S = 0.1

_HINTS = {
    "refused": "start one there (iperf3 --server), or give server= so that one is started for the run",
    "busy": "another client is being served; wait, or give server= to have a server of your own",
    "timed out": "does ping reach it? a firewall or NAT on the way may drop the connection",
    "unreachable": "does ping reach it? look at `ip route` on the client",
    "the server has terminated": "the server ended in the middle of the run: look there",
    "resource temporarily unavailable": "if the target is a name: does it resolve on the client?",
}


@dataclass(frozen=True, slots=True)
class Ends:
    """Where traffic runs between.

    Attributes
    ----------
    client
        Where the client runs.
    target
        Address or name of the server, as the client sees it.
    server
        Where a server is started for each run; None if one listens already.
    port
        TCP port of the server; one for all runs, so that their command lines are the same.
    """

    client: Runner
    target: str
    server: Runner | None
    port: int

    @classmethod
    def of(cls, client: Runner, target: str, server: Runner | None, port: int | None) -> "Ends":
        """Check the target and choose a port.

        Raises
        ------
        SpecError
            If the target is no address and no name.
        """
        check_target(target)
        return cls(client, target, server, port or (free_port(server, PORT) if server else PORT))

    @property
    def between(self) -> str:
        """What is run, for error messages."""
        return f"iperf3 from {self.client.name} to {self.target} port {self.port}"

    def run(self, argv: Sequence[str], *, traffic_s: float) -> str:
        """Run a client and return what it printed.

        Parameters
        ----------
        argv
            Command line of the client.
        traffic_s
            Seconds of traffic that it asks for.

        Raises
        ------
        MeasurementError
            If no server comes up, or the client does not end.
        """
        if self.server:
            start_server(self.server, self.port)
        bound_s = traffic_s + CONNECT_BOUND_S + GRACE_S
        try:
            done = self.client.run(argv, check=False, timeout_s=bound_s, quiet_s=traffic_s + _BEYOND_S)
        except CommandTimeout as error:
            hint = "has a link on the way gone down, or one of the two ends stopped?"
            raise MeasurementError(f"{self.between} did not end in {bound_s:g} s", hint=hint) from error
        # what is wrong with a command line is on standard error; on standard output is its usage
        return done.stdout if done.stdout.lstrip().startswith("{") else done.stderr or done.stdout

    def method(self, lines: Sequence[Sequence[str]]) -> str:
        """Say how it was measured: each command line once."""
        where = f"; a server on {self.server.name} for each run" if self.server else ""
        return " / ".join(dict.fromkeys(" ".join(line) for line in lines)) + where


def client_start(target: str, port: int) -> list[str]:
    """Return how the command line of every client begins."""
    connect_ms = str(1000 * CONNECT_BOUND_S)
    return ["iperf3", "--client", target, "--port", str(port), "--connect-timeout", connect_ms]


def read_report(text: str, *, between: str = "iperf3") -> dict[str, Any]:
    """Read what a client of iperf3 printed with ``--json``.

    Parameters
    ----------
    text
        All of its output.
    between
        What was run, for error messages.

    Raises
    ------
    MeasurementError
        If the run failed, or the text is not that of iperf3.
    """
    try:
        report = json.loads(text)
    except ValueError as error:
        said = (text.strip().splitlines() or ["nothing"])[0]
        raise MeasurementError(f"{between} printed no JSON but: {said}", output=text) from error
    if not isinstance(report, dict):
        raise MeasurementError(f"{between} printed JSON that is no report", output=text)
    if "error" in report:
        raise _failed(between, str(report["error"]), text)
    return report


def incomplete(between: str, missing: Exception, text: str, *, protocol: str) -> MeasurementError:
    """Return the error for a report that lacks something."""
    message = f"{between} printed JSON without {missing}"
    return MeasurementError(message, output=text, hint=f"kvmlab reads {protocol} runs of iperf3 3.x")


def _failed(between: str, said: str, text: str) -> MeasurementError:
    hint = next((hint for words, hint in _HINTS.items() if words in said.lower()), "")
    if "refused" in said:
        said = "no iperf3 server listens there (connection refused)"
    return MeasurementError(f"{between}: {said}", output=text, hint=hint)
