"""What plain QEMU needs to let guests talk: namespaces, a bridge and a DHCP server, nothing else."""

import os
import select
import tempfile
from pathlib import Path
from types import TracebackType

from kvmlab._run import LocalRunner, end_group, remove_tree
from kvmlab.errors import MeasurementError
from kvmlab.host import namespaces

BRIDGE = "br0"
#: Seconds in which the namespaces must be there, or gone.
BOUND_S = 20.0


class BareHost:
    """A host made by hand in namespaces of its own; the end of a ``with`` block ends it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="kvmlab-bench-"))
        self._init = 0
        # If this process is killed, the namespaces go with it (prctl(2), PR_SET_PDEATHSIG).
        line = ["setpriv", "--pdeathsig", "KILL", *namespaces.unshare_argv()]
        read_end, write_end = os.pipe()
        try:
            wait = ["sh", "-c", "echo ready; exec sleep infinity"]
            self._process = LocalRunner().popen([*line, *wait], stdout=write_end)
        finally:
            os.close(write_end)
        try:
            self._init = self._first_process(read_end)
            self.host = LocalRunner("bare host", prefix=namespaces.enter_argv(self._init))
            self._make_network()
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(read_end)

    def _first_process(self, read_end: int) -> int:
        ready, _, _ = select.select([read_end], [], [], BOUND_S)
        if not ready or not os.read(read_end, 16):
            raise MeasurementError("namespaces for plain QEMU were not made", hint="run `kvmlab doctor`")
        outer = self._process.pid
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text(encoding="ascii")
        return int(children.split()[0])

    def _make_network(self) -> None:
        self.host.run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        self.host.run(["ip", "address", "add", "192.168.50.1/24", "dev", BRIDGE])
        self.host.run(["ip", "link", "set", BRIDGE, "up"])
        self.host.run(
            [
                *("dnsmasq", "--conf-file=/dev/null", f"--interface={BRIDGE}", "--bind-interfaces"),
                *("--dhcp-range=192.168.50.10,192.168.50.200", "--dhcp-authoritative", "--no-ping"),
                *("--user=root", "--group=root", f"--dhcp-leasefile={self.path}/leases"),
                f"--pid-file={self.path}/dnsmasq.pid",
            ]
        )

    def __enter__(self) -> "BareHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the namespaces and all that runs in them; a second time does nothing."""
        watch = _watched(self._init)
        end_group(self._process)  # with it goes the first process inside: --kill-child
        if watch is not None:
            select.select([watch], [], [], BOUND_S)
            os.close(watch)
        if self.path.exists():
            remove_tree(self.path)


def _watched(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if there is none."""
    try:
        return os.pidfd_open(pid) if pid else None
    except ProcessLookupError:
        return None
