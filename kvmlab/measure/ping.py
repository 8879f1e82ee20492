"""Round-trip times by ping of iputils: a distribution, not one number.

Facts from ping(8) and from its source, ping_common.c of iputils:

- ping prints three significant digits, so a round-trip time of 12 ms is known
  to 0.1 ms.
- Its status is 0 when at least one answer came, 1 when none came, 2 on
  any other error. So 0 says nothing about loss, and 1 is a result.
- ``-W`` bounds the wait for the last answer only while none has come; later
  ping waits for twice the longest round-trip time seen.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kvmlab._run import Runner
from kvmlab.errors import MeasurementError
from kvmlab.measure.facts import accelerator_of, check_range, check_target
from kvmlab.measure.ping_result import PingResult

#: Wait for the answer to the last request in seconds, while none has come.
ANSWER_WAIT_S = 2
#: What a run may take beyond its requests: a name that does not resolve takes
#: resolvers 10 s and more (resolv.conf(5): 5 s, 2 attempts).
_GRACE_S = 30.0

_ANSWER = re.compile(r"icmp_seq=(?P<seq>\d+) .*\btime=(?P<rtt_ms>[\d.]+) ms(?P<remark>.*)")
_MESSAGE = re.compile(r"^From (?P<sender>\S+?):? icmp_seq=(?P<seq>\d+) (?P<text>.+)")
_SUMMARY = re.compile(r"^(?P<sent>\d+) packets transmitted, (?P<received>\d+) received", re.MULTILINE)
_TIMESTAMP = re.compile(r"^\[\d+\.\d+\] ")

_HINTS = {
    "network is unreachable": "it has no route there: see `ip route`",
    "name resolution": "it cannot reach a DNS server: ping an address instead",
    "cap_net_raw": "ordinary users may not ping here: sysctl -w net.ipv4.ping_group_range='0 2147483647'",
    "not known": "DNS does not know this name: ping an address instead",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PingOutput:
    """What one run of ping printed; for the fields see :class:`~kvmlab.measure.ping_result.PingResult`."""

    rtt_ms: tuple[float, ...]
    transmitted: int
    lost: tuple[int, ...]
    duplicates: int
    icmp_messages: tuple[str, ...]


def ping(
    source: Runner,
    target: str,
    *,
    count: int = 20,
    interval_s: float = 0.05,
    size_bytes: int = 56,
    warmup: int = 1,
) -> PingResult:
    """Measure round-trip times from a source to a target.

    A lost packet is a result: with no answer at all ``loss`` is 1.0.

    Parameters
    ----------
    source
        Where ping runs: a guest, a host of a lab, this machine.
    target
        Address or name.
    count
        Requests that are counted.
    interval_s
        Seconds between two requests, at least 0.002 (the least that ping
        allows an ordinary user).
    size_bytes
        Payload of a request; 16 or more, as ping keeps its clock in it.
    warmup
        Requests sent first and not counted: they may wait for ARP.

    Raises
    ------
    SpecError
        If an argument is out of its range.
    MeasurementError
        If ping could not run: no route, a name that does not resolve.

    Notes
    -----
    Same as ``ping -n -O -c 21 -i 0.05 -s 56 -W 2 TARGET``; see ping(8).
    """
    check_target(target)
    check_range("count", count, 1, 60000)
    check_range("interval_s", interval_s, 0.002, 60)
    check_range("size_bytes", size_bytes, 16, 65507)  # 65535 less 20 of IPv4 and 8 of ICMP
    check_range("warmup", warmup, 0, 1000)
    total = count + warmup
    argv = ping_argv(target, count=total, interval_s=interval_s, size_bytes=size_bytes)
    sending_s = (total - 1) * interval_s
    bound_s = sending_s + ANSWER_WAIT_S + _GRACE_S
    done = source.run(argv, check=False, timeout_s=bound_s, quiet_s=sending_s)
    if done.returncode not in (0, 1):
        raise _failed(source.name, target, done.returncode, done.stdout + done.stderr)
    method = " ".join(argv) + (f"; first {warmup} not counted (warm-up)" if warmup else "")
    return PingResult(
        source=source.name,
        target=target,
        method=method,
        accelerator=accelerator_of(source),
        **asdict(parse_ping(done.stdout + done.stderr, warmup=warmup)),
    )


def ping_argv(target: str, *, count: int, interval_s: float, size_bytes: int) -> list[str]:
    """Return the command line.

    Examples
    --------
    >>> " ".join(ping_argv("192.168.1.1", count=21, interval_s=0.05, size_bytes=56))
    'ping -n -O -c 21 -i 0.05 -s 56 -W 2 192.168.1.1'
    """
    options = ["-c", str(count), "-i", f"{interval_s:g}", "-s", str(size_bytes), "-W", str(ANSWER_WAIT_S)]
    return ["ping", "-n", "-O", *options, target]


def parse_ping(text: str, *, warmup: int = 0) -> PingOutput:
    """Read what ping of iputils printed, with or without ``-D`` and ``-O``.

    Parameters
    ----------
    text
        All of its output.
    warmup
        Number of first requests to leave out.

    Raises
    ------
    MeasurementError
        If the text has no summary, answers carry no times, or lines and
        summary disagree.
    """
    summary = _SUMMARY.search(text)
    if summary is None:
        hint = "ping must be that of iputils (package iputils-ping)"
        raise MeasurementError("the output of ping has no summary", output=text, hint=hint)
    lines = [_TIMESTAMP.sub("", line) for line in text.splitlines()]
    answers, duplicates = _answers(lines)
    if len(answers) != int(summary["received"]):
        message = (
            f"ping says that {summary['received']} requests were answered, its lines show {len(answers)}"
        )
        raise MeasurementError(message, output=text)
    sent = range(warmup + 1, int(summary["sent"]) + 1)
    if not sent:
        raise MeasurementError("ping sent no request after the warm-up", output=text)
    return PingOutput(
        rtt_ms=tuple(answers[seq] for seq in sent if seq in answers),
        transmitted=len(sent),
        lost=tuple(seq for seq in sent if seq not in answers),
        duplicates=sum(seq in sent for seq in duplicates),
        icmp_messages=_messages(lines, sent),
    )


def _answers(lines: Sequence[str]) -> tuple[dict[int, float], list[int]]:
    """Return the time of each answered request, and the requests of duplicates."""
    answers: dict[int, float] = {}
    duplicates = []
    for match in filter(None, map(_ANSWER.search, lines)):
        if "BAD CHECKSUM" in match["remark"]:  # ping does not count it either
            continue
        if "DUP!" in match["remark"]:
            duplicates.append(int(match["seq"]))
        else:
            answers[int(match["seq"])] = float(match["rtt_ms"])
    return answers, duplicates


def _messages(lines: Sequence[str], sent: range) -> tuple[str, ...]:
    matches = [match for match in map(_MESSAGE.search, lines) if match and int(match["seq"]) in sent]
    return tuple(dict.fromkeys(f"{match['text']} (from {match['sender']})" for match in matches))


def _failed(source: str, target: str, returncode: int, text: str) -> MeasurementError:
    said = (text.strip().splitlines() or ["nothing"])[0]
    hint = next((hint for words, hint in _HINTS.items() if words in text.lower()), "")
    message = f"ping from {source} to {target} ended with status {returncode}: {said}"
    return MeasurementError(message, output=text, hint=hint)
