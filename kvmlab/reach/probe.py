"""Who reaches whom: probes that run on a host of a lab or in a guest.

A host and a guest run the same script, so their answers mean the same. All
probes of one source run at the same time; a blocked one costs its bound.
"""

import contextlib
import enum
import os
import select
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import PIPE, LocalRunner, Runner, end_group
from kvmlab.errors import CommandTimeout, DaemonError, GuestError

#: Seconds that an answer may take. It takes milliseconds; but an emulated
#: guest on a busy machine may have to wait for the CPU.
ANSWER_BOUND_S = 5
#: Seconds that it may take where the question is asked again if the answer is not as expected.
FIRST_BOUND_S = 2
#: TCP port on which the KVM host listens while it is probed.
HOST_PORT = 5201
#: Seconds in which that server must listen.
LISTEN_BOUND_S = 5.0

#: Arguments: triples of probe, address, port. Prints a line for each: number, status, last words.
#: It starts no program beside the probes: under emulation each costs a guest some hundredths of a second.
_SCRIPT = """\
set -f
number=0
while [ $# -ge 3 ]; do
    (
        case $1 in
        icmp) said=$(ping -n -q -c 2 -i 0.2 -W $BOUND "$2" 2>&1) ;;
        tcp) said=$(CONNECT 2>&1) ;;
        esac
        echo "$number $?" $said
    ) &
    number=$((number + 1))
    shift 3
done
wait
"""
#: Listens on a port on IPv4 and IPv6, says so, and ends each connection that it gets.
_SERVER = """\
import socket, sys
listener = socket.create_server(
    ("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
)
print("listening", flush=True)
while True:
    listener.accept()[0].close()
"""
#: What ping(8) and connect(2) say where the kernel itself knows no way.
_NO_WAY = (
    *("unreachable", "no route to host", "operation not permitted", "permission denied"),
    "cannot assign requested address",
)
_REFUSED = ("connection refused", "timed out")
#: Status of timeout(1) if it ran out.
_TIMED_OUT = 124


@dataclass(frozen=True, slots=True)
class Shell:
    """What runs a script.

    Attributes
    ----------
    argv
        The shell, up to the option that the script follows.
    connect
        Shell text: makes a TCP connection to address ``$2``, port ``$3``, in ``$BOUND`` seconds, and ends it.
    serve
        Shell text: starts a server on port ``$port``, on IPv4 and IPv6.
    pause
        Shell text: defines a function ``pause`` that waits a fifth of a second.
    """

    argv: tuple[str, ...]
    connect: str
    serve: str
    pause: str

    def line(self, script: str, *words: str) -> list[str]:
        """Return the command that runs a script with these arguments."""
        return [*self.argv, script, "sh", *words]


#: busybox has all that a script calls in itself: there a ping takes 10 ms of an emulated CPU, not 350.
BUSYBOX = Shell(
    ("/usr/bin/busybox", "sh", "-c"),
    connect='nc -w $BOUND "$2" "$3" -e /usr/bin/busybox true',
    serve='httpd -p "$port" -h /mnt',
    # nobody writes to the pipe, so that no program has to be started
    pause="pipe=/run/pause-$$; mkfifo $pipe; exec 4<>$pipe; rm $pipe; pause() { read -r -t 0.2 _ <&4; }",
)
#: Any other host's own programs.
USUAL = Shell(
    ("/bin/sh", "-c"),
    connect="""timeout $BOUND bash -c ': 3<>"/dev/tcp/$0/$1"' "$2" "$3\"""",
    serve='ncat --listen --keep-open "$port" >/dev/null 2>&1 &',
    pause="pause() { sleep 0.2; }",
)


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
        ``icmp`` (an echo request, RFC 792 and RFC 4443; behind it ARP or NDP) or ``tcp`` (a handshake).
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


def ask(
    source: Runner, probes: Sequence[Probe], *, shell: Shell = USUAL, bound_s: int = ANSWER_BOUND_S
) -> list[Answer]:
    """Run probes from one source; one answer for each, in their order.

    Parameters
    ----------
    source
        A host of the lab, or a guest.
    probes
        The questions.
    shell
        What the source has.
    bound_s
        Seconds that an answer may take.
    """
    asked = [probe for probe in probes if probe.address]
    words = [word for probe in asked for word in (probe.protocol, probe.address, str(probe.port))]
    script = _SCRIPT.replace("CONNECT", shell.connect).replace("$BOUND", str(bound_s))
    try:
        line = shell.line(script, *words)
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
    words = said.lower()
    if any(no_way in words for no_way in _NO_WAY):
        return Answer(Reach.BLOCKED, said)
    lost = (
        status == 1 and "packet loss" in words
        if probe.protocol == "icmp"
        else status == _TIMED_OUT or any(refused in words for refused in _REFUSED)
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
        line = [sys.executable, "-c", _SERVER, str(HOST_PORT)]
        process = host.popen(line, stdin=nothing, stdout=PIPE, stderr=nothing)
    try:
        assert process.stdout is not None  # PIPE
        ready, _, _ = select.select([process.stdout], [], [], LISTEN_BOUND_S)
        if not ready or not process.stdout.readline():
            raise DaemonError("server", f"does not listen on port {HOST_PORT} of {host.name}")
        yield
    finally:
        end_group(process)
