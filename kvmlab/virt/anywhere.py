"""A guest of any libvirt, such as the one on your own host."""

from kvmlab import _paths
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain


def guest(name: str, *, uri: str = "qemu:///system") -> Domain:
    """Return a guest that a libvirt has, in a lab or outside of one.

    With the QEMU guest agent in it, commands and instruments run in it as in
    a guest of a lab.

    Parameters
    ----------
    name
        Name of its domain.
    uri
        URI of the libvirt, as ``virsh --connect`` takes it.

    Raises
    ------
    DaemonError
        If libvirt does not answer.
    LibvirtError
        If it has no such domain.

    Notes
    -----
    Same as ``virsh --connect qemu:///system domstate NAME``.
    """
    found = Domain(Connection(uri), name, templates=_paths.cache_dir() / "templates")
    found.vir  # noqa: B018  (is it there?)
    return found
