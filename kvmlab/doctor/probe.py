"""Try what labs do inside namespaces of their own; prints JSON.

Runs as ``unshare … python -m kvmlab.doctor.probe``; with it the namespaces
end, and everything that was made in them.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kvmlab._run import LocalRunner
from kvmlab.doctor.features import FEATURES, Feature
from kvmlab.doctor.machine import try_device
from kvmlab.errors import CommandTimeout, ExecutableNotFound

#: Seconds for one command; the kernel may load a module meanwhile.
COMMAND_BOUND_S = 5.0
DEVICES = ("/dev/net/tun", "/dev/vhost-net")


def try_command(line: str) -> str:
    """Run a command; return an empty text, or why it did not work."""
    try:
        done = LocalRunner().run(line.split(), check=False, timeout_s=COMMAND_BOUND_S)
    except (ExecutableNotFound, CommandTimeout) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = [text.strip() for text in (done.stderr or done.stdout).splitlines() if text.strip()]
    return (
        f"{line.split()[0]}: {said[0].removeprefix('Error: ')}"
        if said
        else f"{line}: status {done.returncode}"
    )


def try_feature(feature: Feature) -> str:
    """Run a feature's commands up to the first that fails; return why, or an empty text."""
    return next((refusal for line in feature.commands if (refusal := try_command(line))), "")


def mapped_ids(uid_map: str) -> int:
    r"""Return how many user ids a ``/proc/PID/uid_map`` maps (user_namespaces(7)).

    Examples
    --------
    >>> mapped_ids("0 1001 1\n1 100000 65535\n")
    65536
    """
    return sum(int(line.split()[2]) for line in uid_map.splitlines())


def probe(features: Iterable[Feature] = FEATURES) -> dict[str, Any]:
    """Try all; changes the namespaces that it runs in, so only for throw-away ones."""
    os.setgroups([])  # as libvirt does before it starts QEMU: groups such as kvm do not count
    try_command("ip link add kv0 type veth peer name kv1")
    return {
        "ids": mapped_ids(Path("/proc/self/uid_map").read_text(encoding="ascii")),
        "devices": {path: try_device(path) for path in DEVICES},
        "features": {feature.name: try_feature(feature) for feature in features},
    }


if __name__ == "__main__":
    json.dump(probe(), sys.stdout)
