"""Who reaches whom: probes that run on a host of a lab or in a guest.

A host and a guest run the same script, so their answers mean the same. All
probes of one source run at the same time; a blocked one costs its bound.
"""

import contextlib
import enum
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import LocalRunner, Runner, end_group
from kvmlab.errors import CommandTimeout, DaemonError, GuestError

#: Seconds that an answer may take. It takes milliseconds; but an emulated
#: guest on a busy machine takes a second to start eight programs.
ANSWER_BOUND_S = 5
#: TCP port on which guests listen while they are probed.
GUEST_PORT = 7
#: TCP port on which the KVM host listens meanwhile.
HOST_PORT = 5201
#: Seconds in which that server must listen.
LISTEN_BOUND_S = 5.0

#: Arguments: triples of probe, address, port. Prints a line for each: number, status, last words.
#: A guest is asked through busybox, which starts in a tenth of the time of bash there.
_SCRIPT = """\
connect() {
    if [ -x /usr/bin/busybox ]; then
        busybox nc -w $BOUND "$1" "$2" -e /bin/true
    else
        timeout $BOUND bash -c ': 3<>"/dev/tcp/$0/$1"' "$1" "$2"
    fi
}
number=0
while [ $# -ge 3 ]; do
    (
        case $1 in
        icmp) said=$(ping -n -q -c 2 -i 0.2 -W $BOUND "$2" 2>&1) ;;
        tcp) said=$(connect "$2" "$3" 2>&1) ;;
        esac
        status=$?
        echo "$number $status $(echo "$said" | tr '\\n' ' ')"
    ) &
    number=$((number + 1))
    shift 3
done
wait
"""
#: What ping(8) and connect(2) say where the kernel itself knows no way.
_NO_WAY = ("unreachable", "No route to host", "Operation not permitted", "Permission denied")
_REFUSED = ("Connection refused", "timed out")
#: Status of timeout(1) if it ran out.
_TIMED_OUT = 124


class Reach(enum.Enum):
    """What a probe found."""

    REACHES = "reaches"
    BLOCKED = "blocked"
    UNTESTED = "could not test"


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.

    Attributes
    ----------
    protocol
        ``icmp`` (an echo request, RFC 792; behind it ARP or NDP) or ``tcp`` (a handshake).
    address
        IPv4 or IPv6 address of the target; empty if it has none.
    port
        TCP port that something listens on.
    """

    protocol: str
    address: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a probe.

    Attributes
    ----------
    reach
        The outcome.
    said
        What the program said, in one line.
    """

    reach: Reach
    said: str


def ask(source: Runner, probes: Sequence[Probe]) -> list[Answer]:
    """Run probes from one source; one answer for each, in their order.

    Parameters
    ----------
    source
        A host of the lab, or a guest.
    probes
        The questions.
    """
    asked = [probe for probe in probes if probe.address]
    words = [word for probe in asked for word in (probe.protocol, probe.address, str(probe.port))]
    line = ["/bin/sh", "-c", _SCRIPT.replace("$BOUND", str(ANSWER_BOUND_S)), "sh", *words]
    try:
        said = source.run(line, check=False, timeout_s=10.0 * ANSWER_BOUND_S).stdout if asked else ""
    except (CommandTimeout, GuestError) as error:
        return [Answer(Reach.UNTESTED, str(error).splitlines()[0])] * len(probes)
    found = iter(read(said, asked))
    return [next(found) if probe.address else Answer(Reach.UNTESTED, "it has no address") for probe in probes]


def read(said: str, probes: Sequence[Probe]) -> list[Answer]:
    """Read what the script printed."""
    lines = {}
    for line in said.splitlines():
        number, status, *rest = line.split(" ", 2)
        lines[int(number)] = (int(status), " ".join(rest).strip())
    missing = Answer(Reach.UNTESTED, "the probe did not end")
    return [
        judge(probe, *lines[number]) if number in lines else missing for number, probe in enumerate(probes)
    ]


def judge(probe: Probe, status: int, said: str) -> Answer:
    """Say what an exit status means.

    Examples
    --------
    >>> judge(Probe("icmp", "192.0.2.1"), 0, "").reach.value
    'reaches'
    >>> judge(Probe("icmp", "192.0.2.1"), 2, "ping: connect: Network is unreachable").reach.value
    'blocked'
    >>> judge(Probe("icmp", "192.0.2.1"), 127, "ping: not found").reach.value
    'could not test'
    """
    if status == 0:
        return Answer(Reach.REACHES, said)
    if any(words in said for words in _NO_WAY):
        return Answer(Reach.BLOCKED, said)
    lost = (
        status == 1 if probe.protocol == "icmp" else status == _TIMED_OUT or any(w in said for w in _REFUSED)
    )
    return Answer(Reach.BLOCKED if lost else Reach.UNTESTED, said)


@contextlib.contextmanager
def listening(host: LocalRunner) -> Iterator[None]:
    """Let the host listen on :data:`HOST_PORT` meanwhile.

    Raises
    ------
    DaemonError
        If it does not listen in time.
    """
    with Path(os.devnull).open("r+b") as nothing:
        line = ["iperf3", "--server", "--port", str(HOST_PORT)]
        process = host.popen(line, stdin=nothing, stdout=nothing, stderr=nothing)
    try:
        deadline = time.monotonic() + LISTEN_BOUND_S
        here = [Probe("tcp", "127.0.0.1", HOST_PORT)]
        while ask(host, here)[0].reach is not Reach.REACHES:
            if process.poll() is not None or time.monotonic() > deadline:
                raise DaemonError("iperf3", f"does not listen on port {HOST_PORT} of {host.name}")
            time.sleep(0.02)
        yield
    finally:
        end_group(process)
