"""What a sandbox shows of the machine."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

#: What of the machine's system can be read in every sandbox.
SYSTEM = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/var/run", "/var/lock")
#: File systems of the kernel; a lab mounts some of them anew, for which they must be seen whole
#: (mount_too_revealing in the kernel's fs/namespace.c). What is in them belongs to the machine's root.
KERNEL = ("/proc", "/sys", "/dev")
#: Folders that exist and are empty.
EMPTY = ("root", "var/tmp", "var/lib/libvirt", "var/cache/libvirt", "var/log/libvirt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sandbox is made of.

    Attributes
    ----------
    folder
        The folder that can be written, at the same place inside and outside.
    root
        Where the root file system is put together.
    readable
        Further folders of the machine that can be read.
    hidden
        Folders in those that appear empty.
    layered
        A folder that can be read, and what is written to it goes elsewhere and is forgotten.
    layer
        Where that goes.
    aliases
        Folders of the layered one that appear under a second name in it, too.
    processes
        How many processes and threads there may be at once.
    """

    folder: str
    root: str
    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    layered: str
    layer: str
    aliases: tuple[tuple[str, str], ...]
    processes: int

    def write(self, path: Path) -> None:
        """Write it down for the process that puts the sandbox together."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Return what was written down."""
        found = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(found[name]) for name in ("readable", "hidden")}
        aliases = tuple((one, other) for one, other in found["aliases"])
        return cls(**{**found, **lists, "aliases": aliases})
