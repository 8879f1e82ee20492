"""Which labs run, and how they end."""

from dataclasses import dataclass
from pathlib import Path

from kvmlab._repr import Table
from kvmlab.errors import HostError, LabError
from kvmlab.host import client, directory, namespaces
from kvmlab.host.daemons import RUNNING
from kvmlab.lab.places import check_lab_name, lab_dir, lab_uri, labs_dir


@dataclass(frozen=True, slots=True)
class LabInfo:
    """A row of ``kvmlab ls``.

    Attributes
    ----------
    name
        Name of the lab.
    pid
        Its outermost process; ``kill -9`` of it ends the lab. 0 for the
        moment in which it is not made yet.
    uri
        URI for ``virsh -c`` and any other client of libvirt.
    state
        ``running``; ``degraded`` when one of its daemons ended, which
        ``kvmlab status`` names; ``starting`` or ``ending`` meanwhile.
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
    directory.discard_all_dead(home)
    paths = [path for path in sorted(home.glob("[!.]*/")) if directory.is_alive(path)]
    return Table(_info(path) for path in paths)


def _info(path: Path) -> LabInfo:
    try:
        pid = client.outer_pid(client.any_init_pid(path))
    except (LabError, HostError):  # it ended just now, or its first process is being made
        pid = 0
    return LabInfo(path.name, pid, lab_uri(path), _state(path))


def _state(path: Path) -> str:
    if not client.socket_paths(path)[1].exists():
        return "starting"
    try:
        daemons = client.request(path, op="daemons")
    except LabError:
        return "ending"
    except HostError:  # its PID 1 does not answer
        return "degraded"
    return "running" if all(daemon["state"] == RUNNING for daemon in daemons) else "degraded"


def stop_lab(name: str) -> None:
    """End the lab of that name, also one that is still starting or does not answer.

    Same as ``kvmlab down NAME``.

    Raises
    ------
    LabError
        If no lab of that name runs.
    """
    check_lab_name(name)
    namespaces.stop(lab_dir(name))
