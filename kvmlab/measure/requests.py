"""Request and answer over TCP by sockperf: what a program waits for, without its own work.

Facts from ``sockperf ping-pong --help`` and as seen with sockperf 3.7:

- Its status is 0 also when it could not connect; only the summary means success.
- It leaves out a warm-up of 400 ms and the last moments of a run, and says
  how long the rest was ("Valid Duration"): of 1 s on an emulated guest nothing.
- Where nobody answers its connection attempt it waits as long as the kernel does.
- Times are of its own clock; ``--no-rdtsc`` takes the kernel's in place of a
  CPU register, which a hypervisor may emulate.
"""

import re

from kvmlab._run import Runner
from kvmlab.errors import CommandTimeout, MeasurementError
from kvmlab.measure.background import serving
from kvmlab.measure.facts import accelerator_of, check_range, check_target
from kvmlab.measure.latency_result import RequestResult

#: sockperf's own port.
PORT = 11111
#: What a run takes beyond its traffic, seen: warm-up, waiting for late answers.
_BEYOND_S = 0.4
_GRACE_S = 20.0

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_VALID = re.compile(r"\[Valid Duration\] RunTime=(?P<s>[\d.]+) sec; .*ReceivedMessages=(?P<count>\d+)")
_PERCENTILE = re.compile(
    r"---> (?:percentile\s+(?P<share>[\d.]+)|<(?P<end>MIN|MAX)> observation) =\s*(?P<us>[\d.]+)"
)
_ERROR = re.compile(r"sockperf: (?:ERROR: )?(?P<said>.*(?:errno=|Invalid).*)")
_NEEDED = (0.0, 50.0, 90.0, 99.0, 100.0)


def request_response(
    client: Runner,
    target: str,
    *,
    server: Runner | None = None,
    duration_s: int = 2,
    message_bytes: int = 64,
    port: int = PORT,
) -> RequestResult:
    """Measure how long requests over one TCP connection take to be answered.

    Parameters
    ----------
    client
        Where requests come from: a guest, a host of a lab, this machine.
    target
        Address of the server, as the client sees it.
    server
        Where a server is started for the run; None when one listens at the
        target already (``sockperf server --tcp``).
    duration_s
        Whole seconds, 2-3600.
    message_bytes
        Length of a request and of its answer, 14-65507.
    port
        TCP port of the server.

    Raises
    ------
    SpecError
        If an argument is out of its range.
    MeasurementError
        If the run failed: no server, no route, no answer.

    Notes
    -----
    Same as ``sockperf ping-pong --tcp -i TARGET -t 2 -m 64 --full-rtt --no-rdtsc``.
    """
    check_target(target)
    check_range("duration_s", duration_s, 2, 3600)
    check_range("message_bytes", message_bytes, 14, 65507)
    check_range("port", port, 1, 65535)
    argv = requests_argv(target, duration_s=duration_s, message_bytes=message_bytes, port=port)
    if server is None:
        text = _run(client, argv, target, duration_s)
    else:
        with serving(server, server_argv(port), port=port, bound_s=duration_s + 3 * _GRACE_S):
            text = _run(client, argv, target, duration_s)
    found = parse_requests(text, between=f"sockperf from {client.name} to {target} port {port}")
    return RequestResult(
        client=client.name,
        target=target,
        requests=found.requests,
        requests_per_s=found.requests / found.duration_s,
        percentiles_ms=found.percentiles_ms,
        message_bytes=message_bytes,
        method=" ".join(argv) + (f"; a server on {server.name} for the run" if server else ""),
        accelerator=accelerator_of(client, server),
    )


def _run(client: Runner, argv: list[str], target: str, duration_s: int) -> str:
    try:
        done = client.run(argv, check=False, timeout_s=duration_s + _GRACE_S, quiet_s=duration_s + _BEYOND_S)
    except CommandTimeout as error:
        hint = "does ping reach it? a firewall may drop the connection, or a link may have gone down"
        raise MeasurementError(f"sockperf from {client.name} to {target} did not end", hint=hint) from error
    return done.stdout + done.stderr


def requests_argv(target: str, *, duration_s: int, message_bytes: int, port: int) -> list[str]:
    """Return the command line of the client.

    Examples
    --------
    >>> " ".join(requests_argv("192.168.1.20", duration_s=2, message_bytes=64, port=11111))
    'sockperf ping-pong --tcp -i 192.168.1.20 -p 11111 -t 2 -m 64 --full-rtt --no-rdtsc'
    """
    options = ["-p", str(port), "-t", f"{duration_s:g}", "-m", str(message_bytes)]
    return ["sockperf", "ping-pong", "--tcp", "-i", target, *options, "--full-rtt", "--no-rdtsc"]


def server_argv(port: int) -> list[str]:
    """Return the command line of a server.

    Examples
    --------
    >>> " ".join(server_argv(11111))
    'sockperf server --tcp -i 0.0.0.0 -p 11111'
    """
    return ["sockperf", "server", "--tcp", "-i", "0.0.0.0", "-p", str(port)]


class RequestsOutput:
    """What one run of sockperf printed; for the fields see :class:`RequestResult`."""

    def __init__(self, requests: int, duration_s: float, percentiles_ms: dict[float, float]) -> None:
        self.requests = requests
        self.duration_s = duration_s
        self.percentiles_ms = percentiles_ms


def parse_requests(text: str, *, between: str = "sockperf") -> RequestsOutput:
    """Read what ``sockperf ping-pong --full-rtt`` printed.

    Parameters
    ----------
    text
        All of its output.
    between
        What was run, for error messages.

    Raises
    ------
    MeasurementError
        If the run failed, or the text is not that of sockperf.
    """
    plain = _COLOUR.sub("", text)
    valid = _VALID.search(plain)
    if valid is None:
        raise _failed(plain, between, text)
    times = {_share(match): float(match["us"]) / 1000 for match in _PERCENTILE.finditer(plain)}
    if not set(_NEEDED) <= set(times) or float(valid["s"]) <= 0:
        raise MeasurementError(f"{between} printed no percentiles", output=text)
    return RequestsOutput(int(valid["count"]), float(valid["s"]), dict(sorted(times.items())))


def _share(match: re.Match[str]) -> float:
    return {"MIN": 0.0, "MAX": 100.0}[match["end"]] if match["end"] else float(match["share"])


def _failed(plain: str, between: str, text: str) -> MeasurementError:
    error = _ERROR.search(plain)
    said = error["said"] if error else (plain.strip().splitlines() or ["nothing"])[-1]
    hint = "start one there (sockperf server --tcp), or give server=" if "refused" in said else ""
    return MeasurementError(f"{between} measured nothing: {said}", output=text, hint=hint)
