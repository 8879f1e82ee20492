"""Which labs run."""

from dataclasses import dataclass
from pathlib import Path

from kvmlab._repr import Table
from kvmlab.errors import HostError, LabError
from kvmlab.host import client, namespaces
from kvmlab.lab.lab import lab_uri, labs_dir


@dataclass(frozen=True, slots=True)
class LabInfo:
    """A row of ``kvmlab ls``.

    Attributes
    ----------
    name
        Name of the lab.
    pid
        Its outermost process; ending it ends the lab.
    uri
        URI for ``virsh -c`` and any other client of libvirt.
    state
        ``running``; ``degraded`` when one of its daemons ended; ``starting``
        while it does not answer yet.
    """

    name: str
    pid: int
    uri: str
    state: str


def list_labs() -> Table[LabInfo]:
    """Return the labs of this user that run; what dead ones left is removed.

    Same as ``kvmlab ls``.
    """
    home = labs_dir()
    namespaces.discard_dead(home)
    found = (_info(path) for path in sorted(home.glob("*/")) if namespaces.is_alive(path))
    return Table(info for info in found if info is not None)


def _info(path: Path) -> LabInfo | None:
    """Return None for a lab that ended meanwhile, or that does not answer yet."""
    try:
        daemons = client.request(path, op="daemons")
        pid = client.outer_pid(client.init_pid(path))
    except (LabError, HostError):
        return LabInfo(path.name, 0, lab_uri(path), "starting") if namespaces.is_alive(path) else None
    state = "running" if all(d["state"] == "running" for d in daemons) else "degraded"
    return LabInfo(path.name, pid, lab_uri(path), state)
