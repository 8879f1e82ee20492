"""A virtio port of a guest, open from outside: lines of text in both directions."""

import contextlib
import time
from types import TracebackType
from typing import Any

import libvirt

#: Seconds between two looks whether the guest wrote something.
LOOK_S = 0.005


class GuestPort:
    """A ``<channel>`` of a running domain; a ``with`` block closes it.

    Parameters
    ----------
    domain
        The ``virDomain``.
    name
        The channel's name.

    Raises
    ------
    libvirt.libvirtError
        If the domain has no such channel, or libvirt refuses.
    """

    def __init__(self, domain: Any, name: str) -> None:
        self._domain = domain
        self._stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
        self._received = b""
        domain.openChannel(name, self._stream, 0)

    def __enter__(self) -> "GuestPort":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(libvirt.libvirtError):
            self._stream.abort()

    def send(self, line: str) -> None:
        """Write a line to the guest, which need not run yet.

        Raises
        ------
        libvirt.libvirtError
            If the port is closed.
        """
        data = line.encode("ascii")
        while data:
            sent = self._stream.send(data)
            data = data[max(0, sent) :]  # -2: it would have to wait
            self._look()

    def receive(self, *, timeout_s: float) -> str | None:
        """Return the next line that the guest writes; None if there is none in time or the domain ended.

        Raises
        ------
        libvirt.libvirtError
            If the port is closed.
        """
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            data = self._stream.recv(4096)
            if isinstance(data, bytes) and data:
                self._received += data
            elif not self._look() or time.monotonic() > deadline:
                return None
            else:
                time.sleep(LOOK_S)
        line, _, self._received = self._received.partition(b"\n")
        return line.decode("ascii", errors="replace")

    def _look(self) -> bool:
        """Tell whether the domain runs; a call of libvirt's is also when what has arrived is taken in."""
        return bool(self._domain.isActive())
