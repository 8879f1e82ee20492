"""Type on a guest's serial console, as a person would."""

import itertools
import os
import select
import time
from types import TracebackType

from kvmlab._run import LocalRunner, end_group
from kvmlab.errors import CommandTimeout, GuestError

#: Seconds in which the console must show a prompt.
LOGIN_BOUND_S = 30.0


class SerialConsole:
    """``virsh console`` with a terminal of its own; the end of a ``with`` block leaves it.

    Parameters
    ----------
    uri
        libvirt URI.
    guest
        Name of the guest; a root shell must wait on its console.
    """

    def __init__(self, uri: str, guest: str) -> None:
        self.guest = guest
        self._marks = itertools.count(1)
        self._terminal, theirs = os.openpty()
        with os.fdopen(theirs, "r+b", buffering=0) as end:
            line = ["virsh", "--connect", uri, "console", "--force", guest]
            self._process = LocalRunner().popen(line, stdin=end, stdout=end, stderr=end)
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "SerialConsole":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the console."""
        end_group(self._process)
        os.close(self._terminal)

    def _log_in(self) -> None:
        """Press Enter until a shell answers; what is typed before it is there is lost."""
        deadline = time.monotonic() + LOGIN_BOUND_S
        seen = b""
        while time.monotonic() < deadline:
            self._type("")
            self._type("echo ready-$((40 + 2))")
            seen += self._read_until(b"ready-42", time.monotonic() + 2.0)
            if b"ready-42" in seen:
                return
        said = seen.decode(errors="replace")[-500:]
        raise GuestError(
            self.guest, f"no shell on its serial console in {LOGIN_BOUND_S:g} s", console_tail=said
        )

    def run(self, line: str, *, timeout_s: float) -> str:
        """Type a command and return all that the console showed until it ended.

        Raises
        ------
        CommandTimeout
            If it does not end in time.
        """
        # The shell calculates, so that the typed line itself does not hold the mark.
        number = next(self._marks)
        self._type(f"{line}; echo end-$((0 + {number}))-")
        mark = f"end-{number}-"
        seen = self._read_until(mark.encode(), time.monotonic() + timeout_s).decode(errors="replace")
        if mark not in seen:
            self._interrupt()
            raise CommandTimeout(f"{line!r} on the console of {self.guest!r} did not end", after_s=timeout_s)
        return seen.replace("\r", "").rpartition(mark)[0]

    def _interrupt(self) -> None:
        os.write(self._terminal, b"\x03")  # Ctrl-C

    def _type(self, line: str) -> None:
        os.write(self._terminal, line.encode() + b"\r")

    def _read_until(self, mark: bytes, deadline: float) -> bytes:
        seen = b""
        while mark not in seen and (left := deadline - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                seen += self._read()
        return seen

    def _read(self) -> bytes:
        try:
            return os.read(self._terminal, 65536)
        except OSError as error:  # the other end is closed: virsh is gone
            raise GuestError(
                self.guest, "its serial console was closed", hint="does the guest run?"
            ) from error
