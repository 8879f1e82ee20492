"""What a submission must leave as it is, so that what is seen of its lab can be believed.

In its lab a submission is root: it may build and break what it likes. But it
must not take the place of those who are asked about the lab: the lab's first
process, libvirtd, and the programs that look.
"""

import shutil
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from kvmlab._run import complete_environment
from kvmlab.exercise import record
from kvmlab.exercise.record import Record
from kvmlab.host import client
from kvmlab.lab import Lab
from kvmlab.sandbox.census import start_of

#: Where a lab mounts things while it is used: names of network namespaces, and what libvirt keeps.
_OWN = ("/run/",)


@dataclass(frozen=True, slots=True)
class Seal:
    """How a lab was before the submission ran.

    Attributes
    ----------
    init
        The lab's first process, and when it started.
    mounts
        Mount points of the lab.
    record
        Whose lab it is.
    """

    init: tuple[int, str]
    mounts: frozenset[str]
    record: Record | None

    @classmethod
    def of(cls, lab: Lab) -> "Seal":
        """Look at a lab."""
        pid = client.init_pid(lab.path)
        return cls((pid, start_of(pid)), frozenset(_mounts(pid)), record.read(lab.path))

    def broken(self, name: str) -> str:
        """Say what is not as before with the lab of this name; empty if all is.

        Raises
        ------
        KvmlabError
            If it runs, but does not answer.
        """
        ended = f"lab {name!r} was ended by the notebook"
        if start_of(self.init[0]) != self.init[1]:
            return ended
        lab = Lab.attach(name)
        now = Seal.of(lab)
        if now.init != self.init:
            return ended
        if more := sorted(now.mounts - self.mounts):
            return f"something was mounted over {', '.join(more)[:200]} of lab {name!r}"
        if now.record != self.record:
            return f"the note whose lab {name!r} is was changed"
        return _impostor(lab)


def _mounts(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return [point for point in (line.split()[4] for line in lines) if not point.startswith(_OWN)]


def _impostor(lab: Lab) -> str:
    """Say whether somebody else than libvirtd listens on its socket (SO_PEERCRED, unix(7))."""
    path = lab.path / "run/libvirt/libvirt-sock"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            size = struct.calcsize("3i")
            pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
    except OSError:
        return ""  # nobody listens: then nobody is believed
    wanted = shutil.which("libvirtd", path=complete_environment()["PATH"])
    try:
        is_libvirtd = wanted is not None and Path(f"/proc/{pid}/exe").samefile(wanted)
    except OSError:
        is_libvirtd = False
    return "" if is_libvirtd else f"what answers as libvirtd in lab {lab.name!r} is another program"
