"""What a lab is seen to be from the machine: its processes and namespaces, its pulse, and what it leaves."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import traces_of_labs

import kvmlab as kl

SPACES = ("net", "mnt", "pid", "uts", "ipc", "user")


def wait_for(condition: Callable[[], Any], *, bound_s: float = 10.0) -> bool:
    """Wait until the condition holds; tell whether it did."""
    deadline = time.monotonic() + bound_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def processes_of(lab_dir: Path) -> dict[int, str]:
    """Processes of a lab with their command lines; its directory is in the one, or in their mounts."""
    mark = os.fsencode(lab_dir)
    found = {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            line = (process / "cmdline").read_bytes()
            if mark + b"\0" in line or mark + b"/" in line + (process / "mountinfo").read_bytes():
                found[int(process.name)] = line.replace(b"\0", b" ").decode()
    return found


@dataclass(frozen=True)
class Namespaces:
    """Namespaces of a lab, held open: so the kernel gives their numbers to no others (nsfs)."""

    names: frozenset[str]

    def holders(self) -> list[int]:
        """Processes that are in one of them."""
        pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        return [pid for pid in pids if self.names & names_of(pid)]


def names_of(pid: int | str) -> set[str]:
    """Names such as ``net:[4026532008]``; none of a process that ended, or that may not be looked at."""
    with contextlib.suppress(OSError):
        return {str(Path(f"/proc/{pid}/ns/{space}").readlink()) for space in SPACES}
    return set()


@contextlib.contextmanager
def namespaces_held(lab_dir: Path) -> Iterator[Namespaces]:
    """Yield the namespaces of a lab's processes that this process is not in, too."""
    shared = names_of("self")
    with contextlib.ExitStack() as stack:
        names = set()
        for pid in processes_of(lab_dir):
            for space in SPACES:
                with contextlib.suppress(OSError):
                    stream = stack.enter_context(Path(f"/proc/{pid}/ns/{space}").open("rb"))
                    names.add(f"{space}:[{os.fstat(stream.fileno()).st_ino}]")
        yield Namespaces(frozenset(names - shared))


def pulse(lab: kl.Lab) -> dict[str, Any]:
    """What changes in a lab if something happens to it."""
    return {
        "info": next(info for info in kl.list_labs() if info.name == lab.name),
        "daemons": list(lab.daemons()),
        "processes": lab.host.run(["ps", "-e", "--no-headers", "-o", "pid,comm"]).stdout.count("\n"),
        "domains": [(domain.name, domain.state) for domain in lab.domains()],
        "networks": [(network.name, network.is_active) for network in lab.networks()],
        "links": lab.host.run(["ip", "-brief", "link"]).stdout,
        "rules": lab.host.run(["iptables-save"]).stdout.count("\n"),
        "world answers": lab.host.run(["ping", "-c", "1", "-W", "5", "8.8.8.8"], check=False).returncode,
    }


@contextlib.contextmanager
def nothing_is_left(lab_dir: Path, neighbour: kl.Lab) -> Iterator[None]:
    """Let something befall a lab; then this machine and a lab beside it are as before."""
    before, beside = traces_of_labs(), pulse(neighbour)

    yield

    wait_for(lambda: not processes_of(lab_dir))
    assert processes_of(lab_dir) == {}
    assert lab_dir.name not in [info.name for info in kl.list_labs()]
    assert not lab_dir.exists()
    assert traces_of_labs() == before
    assert pulse(neighbour) == beside
