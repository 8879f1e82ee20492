"""A guest of plain QEMU: started, plugged and asked through its own sockets."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from kvmlab._run import LocalRunner, end_group
from kvmlab.bench import rawline
from kvmlab.bench.rawline import RawNic
from kvmlab.errors import MeasurementError

#: Seconds in which plain QEMU must have done each thing asked of it; a cold boot takes the longest.
BOUND_S = 60.0
#: Seconds between two looks.
LOOK_S = 0.005
#: QEMU's name for the file with the saved guest's state, while it is open.
_STATE_FD = "kvmlab-state"
_IGNORE_SHARED = [{"capability": "x-ignore-shared", "state": True}]


class _Talk:
    """Requests and answers on a socket, in JSON lines: QMP, and the agent's protocol."""

    def __init__(self, connection: socket.socket, what: str) -> None:
        connection.settimeout(BOUND_S)
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._what = what

    def ask(self, command: str, *, file: IO[bytes] | None = None, **arguments: Any) -> Any:
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        line = json.dumps(request).encode() + b"\n"
        try:
            socket.send_fds(self._connection, [line], [] if file is None else [file.fileno()])
            while line := self._stream.readline():
                reply = json.loads(line)
                if "return" in reply:
                    return reply["return"]
                if "error" in reply:
                    raise MeasurementError(f"{self._what} refused {command!r}: {reply['error']['desc']}")
        except TimeoutError as error:
            message = f"{self._what} did not answer {command!r} in {BOUND_S:g} s"
            raise MeasurementError(message) from error
        except OSError as error:
            raise MeasurementError(f"{self._what} went away at {command!r}: {error}") from error
        raise MeasurementError(f"{self._what} ended at {command!r}")

    def close(self) -> None:
        """Wait for the other end to be gone, then let go."""
        with contextlib.suppress(OSError), self._connection:
            while self._stream.read1(65536):
                pass
            self._stream.close()


class RawGuest:
    """A running guest of plain QEMU; the end of a ``with`` block ends it.

    Parameters
    ----------
    host
        Where QEMU runs.
    folder
        Folder for its sockets; made here.
    argv
        Its command line, as :func:`kvmlab.bench.rawline.parse` returns it.
    bridge
        Bridge of the host that its taps join.
    """

    def __init__(self, host: LocalRunner, folder: Path, argv: Sequence[str], *, bridge: str) -> None:
        folder.mkdir(parents=True)
        self.host, self.folder = host, folder
        script = folder / rawline.TAP_SCRIPT
        script.write_text(f'#!/bin/sh\nexec ip link set dev "$1" master {bridge} up\n', encoding="ascii")
        script.chmod(0o700)
        with (folder / "qemu.log").open("wb") as log:
            self._process = host.popen(rawline.plain(argv, folder), stdout=log, stderr=log)
        self._monitor: _Talk | None = None
        self._agent: _Talk | None = None
        self._identity: socket.socket | None = None

    def __enter__(self) -> "RawGuest":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End QEMU and wait until it is gone."""
        end_group(self._process)
        for talk in (self._monitor, self._agent):
            if talk is not None:
                talk.close()
        if self._identity is not None:
            self._identity.close()

    def qmp(self, command: str, *, file: IO[bytes] | None = None, **arguments: Any) -> Any:
        """Send a command to QEMU's monitor, with an open file if it takes one, and return its result."""
        if self._monitor is None:
            self._monitor = _Talk(self._connect(rawline.MONITOR), "plain QEMU")
            self._monitor.ask("qmp_capabilities")
        return self._monitor.ask(command, file=file, **arguments)

    def agent(self, command: str, **arguments: Any) -> Any:
        """Send a command to the guest's agent and return its result; waits for the agent to start."""
        return self._listen().ask(command, **arguments)

    def _listen(self) -> _Talk:
        if self._agent is None:
            self._agent = _Talk(self._connect(rawline.AGENT), "the guest of plain QEMU")
        return self._agent

    def _connect(self, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        for _ in _looks(f"plain QEMU did not open {name}"):
            try:
                connection.connect(str(self.folder / name))
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    said = (self.folder / "qemu.log").read_text(errors="replace")
                    connection.close()
                    raise MeasurementError(f"plain QEMU did not start: {said.strip()}") from None
            else:
                break
        return connection

    def load(self, state: Path) -> None:
        """Load a saved guest's state; QEMU must wait for it (``-incoming defer``)."""
        self.qmp("migrate-set-capabilities", capabilities=_IGNORE_SHARED)
        with state.open("rb") as saved:
            self.qmp("getfd", file=saved, fdname=_STATE_FD)
        self.qmp("migrate-incoming", uri=f"fd:{_STATE_FD}")

    def wait_loaded(self) -> None:
        """Wait until the state is loaded; the guest stands still, as it did when it was saved."""
        for _ in _looks("plain QEMU did not load the saved guest"):
            status = self.qmp("query-migrate").get("status", "none")
            if status == "failed":
                raise MeasurementError("plain QEMU could not load the saved guest")
            if status == "completed":
                break

    def plug(self, nics: Sequence[RawNic]) -> None:
        """Plug NICs into the guest."""
        for nic in nics:
            self.qmp("netdev_add", **nic.netdev(self.folder))
            self.qmp("device_add", **nic.device)

    def resume(self, identity: str) -> None:
        """Let the guest run, and tell it who it is: a line for its port."""
        if self._identity is None:
            self._identity = self._connect(rawline.IDENTITY)
        self._identity.settimeout(BOUND_S)
        self._identity.sendall(identity.encode("ascii"))
        self.qmp("cont")

    def wait_identified(self) -> None:
        """Wait until the guest says that it is itself and sees its NICs."""
        if self._identity is None or self._identity.recv(64) != b"done\n":
            raise MeasurementError("a guest of plain QEMU did not say that it sees its NICs")

    def links(self) -> dict[str, str]:
        """Return IPv4 addresses by MAC address as the guest's agent tells them; empty for none."""
        rows = self.agent("guest-network-get-interfaces")
        return {
            row["hardware-address"]: next(
                (a["ip-address"] for a in row.get("ip-addresses", []) if a["ip-address-type"] == "ipv4"), ""
            )
            for row in rows
            if "hardware-address" in row and row["name"] != "lo"
        }

    def wait_links(self, macs: Sequence[str]) -> None:
        """Wait until the guest sees all these NICs."""
        for _ in _looks("a guest of plain QEMU does not see its NICs"):
            if set(macs) <= set(self.links()):
                return

    def wait_addresses(self, macs: Sequence[str]) -> str:
        """Wait until all these NICs have an IPv4 address; return that of the first."""
        for _ in _looks("a guest of plain QEMU has no IPv4 address"):
            found = self.links()
            if all(found.get(mac) for mac in macs):
                break
        return found[macs[0]]

    def pings(self, address: str) -> bool:
        """Send one ping from the guest and tell whether it was answered."""
        pid = self.agent("guest-exec", path="ping", arg=["-c1", "-W1", address])["pid"]
        for _ in _looks("ping in a guest of plain QEMU did not end"):
            status = self.agent("guest-exec-status", pid=pid)
            if status["exited"]:
                break
        return bool(status.get("exitcode") == 0)

    def pid(self) -> int:
        """Return QEMU's process id as its host sees it."""
        return int((self.folder / rawline.PID).read_text(encoding="ascii"))


def _looks(failure: str) -> Iterator[None]:
    """Yield again and again until the bound is over."""
    deadline = time.monotonic() + BOUND_S
    while time.monotonic() < deadline:
        yield
        time.sleep(LOOK_S)
    raise MeasurementError(f"{failure} in {BOUND_S:g} s")
