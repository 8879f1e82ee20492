"""Capture on all interfaces of a lab's hosts and guests, without losing a packet."""

import base64
import contextlib
import os
import select
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import DEVNULL, PIPE, LocalRunner, Process, Runner, end_group
from kvmlab.errors import MeasurementError
from kvmlab.virt.domain import Domain

#: Seconds in which tcpdump and nft must be ready.
READY_BOUND_S = 10.0
#: Seconds without a new packet after which nothing more is waited for.
_SETTLE_S = 0.3
#: Bytes kept of each packet. The kernel's buffer of 2 MiB has a place of this
#: size for each (pcap(3PCAP), immediate mode): with tcpdump's default of 256 KiB
#: the ninth packet of a burst would be lost.
_SNAPLEN = 512
_TCPDUMP = ("tcpdump", "-i", "any", "-n", "-U", "--immediate-mode", "-s", str(_SNAPLEN), "-w")
_FILTER = "arp or icmp or icmp6 or tcp"
_GUEST_FILE = "/run/kvmlab-trace.pcap"


@dataclass(frozen=True, slots=True)
class HostCapture:
    """A capture on a host of a lab, written to a file."""

    runner: LocalRunner
    name: str
    path: Path

    def read(self) -> bytes:
        """Return the pcap file as it is now."""
        return self.path.read_bytes()


@contextlib.contextmanager
def captured(host: LocalRunner, name: str) -> Iterator[HostCapture]:
    """Capture on all interfaces of a host meanwhile.

    Raises
    ------
    MeasurementError
        If tcpdump does not start.
    """
    with tempfile.TemporaryDirectory(prefix="kvmlab-trace-") as folder:
        path = Path(folder, "capture.pcap")
        with path.open("wb") as target:
            line = [*_TCPDUMP, "-", "-Z", "root", _FILTER]
            process = host.popen(line, stdin=DEVNULL, stdout=target, stderr=PIPE)
        try:
            _wait_for_words(process, b"listening on", f"tcpdump on {name}")
            yield HostCapture(host, name, path)
        finally:
            end_group(process)


@dataclass(frozen=True, slots=True)
class GuestCapture:
    """A capture in a guest."""

    guest: Domain

    @property
    def name(self) -> str:
        """Name of the guest."""
        return self.guest.name

    @property
    def runner(self) -> Runner:
        """Runs commands in it."""
        return self.guest

    def read(self) -> bytes:
        """Return the pcap file as it is now."""
        return base64.b64decode(self.guest.run(["base64", _GUEST_FILE]).stdout)


#: Starts a capture in a guest, and ends when it runs. $1: file, $2: filter, $3: bytes of a packet.
_START = """\
tcpdump -i any -n -U --immediate-mode -s "$3" -Z root -w "$1" "$2" 2>/run/kvmlab-trace.log >/dev/null &
echo $! >/run/kvmlab-trace.pid
tries=0
until grep -q 'listening on' /run/kvmlab-trace.log; do
    [ $tries -lt 200 ] || { cat /run/kvmlab-trace.log >&2; exit 1; }
    tries=$((tries + 1))
    sleep 0.05
done
"""
_END = 'kill "$(cat /run/kvmlab-trace.pid)"; rm -f /run/kvmlab-trace.*'


@contextlib.contextmanager
def captured_in_guest(guest: Domain) -> Iterator[GuestCapture]:
    """Capture on all interfaces of a guest meanwhile.

    Raises
    ------
    CommandError
        If tcpdump does not start in the guest.
    """
    guest.run(["/bin/sh", "-c", _START, "sh", _GUEST_FILE, _FILTER, str(_SNAPLEN)])
    try:
        yield GuestCapture(guest)
    finally:
        guest.run(["/bin/sh", "-c", _END])


def _wait_for_words(process: Process, words: bytes, what: str) -> None:
    assert process.stderr is not None  # PIPE
    deadline = time.monotonic() + READY_BOUND_S
    said = b""
    while words not in said:
        left = max(0.0, deadline - time.monotonic())
        ready = select.select([process.stderr], [], [], left)[0]
        new = os.read(process.stderr.fileno(), 4096) if ready else b""
        said += new
        if not new:
            raise MeasurementError(f"{what} did not start: {said.decode(errors='replace').strip()}")


def wait_for_capture(runner: Runner, read: Callable[[], bytes]) -> None:
    """Wait until a capture has a packet that is sent now: what came before is in it, too."""
    last = os.urandom(8)
    deadline = time.monotonic() + READY_BOUND_S
    while last not in read():
        line = ["ping", "-n", "-c", "1", "-s", "64", "-W", "1", "-p", (2 * last).hex(), "127.0.0.1"]
        runner.run(line, check=False)
        if time.monotonic() > deadline:
            raise MeasurementError(f"the capture on {runner.name} is not complete after {READY_BOUND_S:g} s")


def wait_until_quiet(paths: Sequence[Path]) -> None:
    """Wait until no capture grows any more: answers and reports may still be on their way."""
    deadline = time.monotonic() + READY_BOUND_S
    before: list[int] = []
    while (sizes := [path.stat().st_size for path in paths]) != before and time.monotonic() < deadline:
        before = sizes
        time.sleep(_SETTLE_S)
