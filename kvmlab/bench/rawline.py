"""The command line of plain QEMU for a guest of kvmlab's; pure.

libvirt itself tells how it would start QEMU (``virsh domxml-to-native``). Only
what connects QEMU to libvirt is taken out, and the sandbox, in which QEMU may
not run the script for its taps; so plain QEMU gets the very same machine and
can load the same saved guest.
"""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Our own sockets and files in the folder of a guest.
MONITOR, AGENT, IDENTITY = "monitor.sock", "agent.sock", "identity.sock"
CONSOLE, PID, TAP_SCRIPT = "console.log", "pid", "tap-up"
_VARIABLE = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True, slots=True)
class RawNic:
    """A NIC, ready to be plugged in by QMP's ``device_add``.

    Attributes
    ----------
    index
        Its number, from 0.
    mac
        Its MAC address.
    device
        Arguments of ``device_add``.
    """

    index: int
    mac: str
    device: dict[str, Any]

    def netdev(self, folder: Path) -> dict[str, Any]:
        """Return arguments of ``netdev_add``: QEMU makes the tap, a script puts it on the bridge."""
        script = str(folder / TAP_SCRIPT)
        return {"type": "tap", "id": f"rawnet{self.index}", "script": script, "downscript": "no"}


def parse(native: str) -> list[str]:
    """Return the program and its arguments from libvirt's shell line, without its environment.

    Examples
    --------
    >>> parse("LC_ALL=C HOME=/x /usr/bin/qemu-system-x86_64 -name 'guest=a b' -S")
    ['/usr/bin/qemu-system-x86_64', '-name', 'guest=a b', '-S']
    """
    words = shlex.split(native)
    first = next(index for index, word in enumerate(words) if not _VARIABLE.match(word))
    return words[first:]


def plain(argv: Sequence[str], folder: Path) -> list[str]:
    """Return the line with sockets of our own and without what belongs to libvirt.

    Parameters
    ----------
    argv
        Line of a guest with or without NICs, as :func:`parse` returns it.
    folder
        Folder for the guest's sockets and files.
    """
    kept = [_changed(group, folder) for group in _groups(argv[1:])]
    return [argv[0], *(word for group in kept for word in group), "-pidfile", str(folder / PID)]


def _groups(words: Sequence[str]) -> list[list[str]]:
    """Cut a line into options, each with its value where it has one."""
    groups: list[list[str]] = []
    for word in words:
        if word.startswith("-"):
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def _changed(group: list[str], folder: Path) -> list[str]:
    option, value = group[0], group[-1]
    # the sandbox would refuse to run the script that puts a tap on the bridge
    if option in ("-S", "-sandbox") or (option == "-object" and "masterKey" in value):
        return []
    if option == "-chardev":
        return [option, _chardev(value, folder)]
    if option == "-netdev":
        netdev = {key: kept for key, kept in json.loads(value).items() if key in ("type", "id")}
        return [option, json.dumps(netdev | {"script": str(folder / TAP_SCRIPT), "downscript": "no"})]
    return group


def _chardev(value: str, folder: Path) -> str:
    sockets = {"charmonitor": MONITOR, "charchannel0": AGENT, "charchannel1": IDENTITY}
    for name, file in sockets.items():
        if name in value:
            return f"socket,id={name},path={folder / file},server=on,wait=off"
    return f"file,id=charserial0,path={folder / CONSOLE}"


def _devices(argv: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(group[1]) for group in _groups(argv[1:]) if group[0] == "-device"]


def hotplug(argv: Sequence[str], nics: Sequence[tuple[str, str]]) -> list[RawNic]:
    """Return NICs and the free slots that they go into.

    Parameters
    ----------
    argv
        Line of the guest without NICs.
    nics
        QEMU's name of the device and MAC address of each; a ``virtio-net-pci`` goes into a free
        root port, everything else behind the bridge to conventional PCI.
    """
    devices = _devices(argv)
    taken = {device.get("bus") for device in devices}
    ports = (d["id"] for d in devices if d["driver"] == "pcie-root-port" and d["id"] not in taken)
    bridge = next(d["id"] for d in devices if d["driver"] == "pcie-pci-bridge")
    found = []
    for index, (driver, mac) in enumerate(nics):
        express = driver == "virtio-net-pci"
        slot = {"bus": next(ports)} if express else {"bus": bridge, "addr": f"{index + 1:#x}"}
        device = {"driver": driver, "id": f"rawnic{index}", "netdev": f"rawnet{index}", "mac": mac}
        found.append(RawNic(index, mac, {**device, **slot}))
    return found
