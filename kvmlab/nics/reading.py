"""What a guest's kernel tells about its NICs: card, driver, module, MTU, queues, offloads; pure.

Sources: ip(8) with ``-details`` (``min_mtu``, ``max_mtu``, the queues),
ethtool(8) with ``--show-features`` and ``--show-channels``, and the kernel's
sysfs (Documentation/ABI/testing/sysfs-bus-pci, sysfs-class-net). A driver's
*id table* is in ``modules.alias``, as patterns (modules.alias(5), depmod(8)).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from kvmlab.errors import MeasurementError
from kvmlab.image.modules import read_dependencies

#: Few programs for all links: under emulation each costs a guest some hundredths of a second.
ASK = (
    "/bin/sh",
    "-c",
    """\
home=/lib/modules/$(uname -r)
echo "${home##*/}"
echo ---
ip -details -json link show
echo ---
find /sys/class/net/*/device/driver/module -maxdepth 0 -printf '%p %l\\n'
echo ---
find /sys/class/net/*/device/driver -maxdepth 0 -printf '%p %l\\n'
echo ---
find /sys/class/net -type l -printf '%f %l\\n'
echo ---
grep -s . /sys/bus/pci/devices/*/vendor /sys/bus/pci/devices/*/device /sys/bus/pci/devices/*/revision \
    /sys/bus/pci/devices/*/modalias /sys/class/net/*/speed
echo ---
find /sys/bus/pci/devices/*/msi_irqs -maxdepth 0 -printf '%p\\n'
echo ---
for link in /sys/class/net/*/device; do
    link=${link%/device} link=${link##*/}
    ethtool --json --show-features "$link"
    ethtool --show-channels "$link" >/dev/null 2>&1 && echo "$link" >&2
done
echo ---
cat "$home/modules.dep"
echo ---
cat "$home/modules.alias"
exit 0""",
)
_PARTS = 10
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
#: A line of grep; PCI addresses in a path have colons, too.
_VALUE = re.compile(r"(?P<path>/sys/\S*?/(?:vendor|device|revision|modalias|speed)):(?P<value>.*)")
#: What ethtool's features are called in its own short words (ethtool(8), ``-K``); those that the
#: kernel does for every card (gso, gro) tell nothing of it and are left out.
OFFLOADS = {
    "rx-checksumming": "rx",
    "tx-checksumming": "tx",
    "scatter-gather": "sg",
    "tcp-segmentation-offload": "tso",
    "large-receive-offload": "lro",
    "rx-gro-hw": "gro-hw",
    "rx-vlan-offload": "rxvlan",
    "tx-vlan-offload": "txvlan",
    "receive-hashing": "rxhash",
    "ntuple-filters": "ntuple",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NicFacts:
    """A NIC as the kernel of a guest has it.

    Attributes
    ----------
    model
        libvirt's name.
    pci_id
        Vendor and device, as ``lspci -n`` prints them.
    revision
        PCI revision, hexadecimal.
    driver
        Driver that bound it.
    module
        File of the driver, below ``/lib/modules/VERSION/kernel``; empty if it is built in.
    listed_by
        Modules whose id tables list the card: not all of them take it.
    mtu_min, mtu_max
        What the driver accepts; 0 as the most means that it sets no limit.
    speed_mbit_s
        What the driver reports; None if it knows none. Nothing slows an emulated card down to it.
    queues
        Queues for receiving that it has at the most.
    is_multiqueue
        Whether the driver can be asked for queues at all (``ethtool -l``).
    interrupts
        ``MSI`` (MSI-X included), or ``INTx``: a line that cards share.
    offloads
        What is switched on, in ethtool's short words.
    """

    model: str
    pci_id: str
    revision: str
    driver: str
    module: str
    listed_by: tuple[str, ...]
    mtu_min: int
    mtu_max: int
    speed_mbit_s: int | None
    queues: int
    is_multiqueue: bool
    interrupts: str
    offloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a guest said, cut into its parts."""

    kernel: str
    links: Mapping[str, Mapping[str, Any]]
    modules: Mapping[str, str]
    drivers: Mapping[str, str]
    places: Mapping[str, str]
    values: Mapping[str, str]
    with_msi: frozenset[str]
    features: Mapping[str, Mapping[str, Any]]
    with_channels: frozenset[str]
    files: Mapping[str, str]
    aliases: Sequence[tuple[str, str]]


def parse(stdout: str, stderr: str = "") -> Told:
    """Read what a guest printed for :data:`ASK`.

    Raises
    ------
    MeasurementError
        If the text is not of that form.
    """
    parts = stdout.split("---\n")
    if len(parts) != _PARTS:
        raise MeasurementError("a guest did not tell all about its NICs", output=stdout + stderr)
    kernel, links, modules, drivers, places, values, msi, features, dependencies, aliases = parts
    features_of: dict[str, Mapping[str, Any]] = {}
    for entry in _json_lists(features):
        features_of[str(entry["ifname"])] = entry
    return Told(
        kernel=kernel.strip(),
        links={str(row["ifname"]): row for row in json.loads(links)},
        modules=_names(modules),
        drivers=_names(drivers),
        places={line.split()[0]: line.split()[1] for line in places.splitlines()},
        values={match["path"]: match["value"] for match in _VALUE.finditer(values)},
        with_msi=frozenset(PurePath(line).parent.name for line in msi.splitlines()),
        features=features_of,
        with_channels=frozenset(stderr.split()),
        files={PurePath(path).name.replace("-", "_"): path for path in read_dependencies(dependencies)},
        aliases=[(words[1], words[2]) for words in map(str.split, aliases.splitlines()) if len(words) == 3],
    )


def _json_lists(text: str) -> list[Mapping[str, Any]]:
    """Read the lists of one object each that ethtool printed one after the other."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        rows, place = decoder.raw_decode(text, place)
        found += rows
    return found


def _names(text: str) -> dict[str, str]:
    """Read lines such as ``/sys/class/net/eth0/device/driver ../../bus/pci/drivers/8139cp``."""
    pairs = (line.split() for line in text.splitlines())
    return {path.split("/")[4]: PurePath(target).name for path, target in pairs}


def facts(told: Told, link: str, model: str) -> NicFacts:
    """Return what a guest said about one link.

    Raises
    ------
    MeasurementError
        If it said nothing about it, or the link is no PCI card.
    """
    row, place = told.links.get(link), told.places.get(link, "")
    cards = _PCI.findall(place)
    if row is None or not cards or link not in told.drivers:
        raise MeasurementError(f"link {link!r} is no PCI card with a driver", output=place)
    card = f"/sys/bus/pci/devices/{cards[-1]}"
    speed = int(told.values.get(f"/sys/class/net/{link}/speed", "-1"))
    return NicFacts(
        model=model,
        pci_id=":".join(told.values[f"{card}/{name}"].removeprefix("0x") for name in ("vendor", "device")),
        revision=told.values[f"{card}/revision"].removeprefix("0x"),
        driver=told.drivers[link],
        module=told.files.get(told.modules.get(link, "").replace("-", "_"), ""),
        listed_by=listing(told, told.values[f"{card}/modalias"]),
        mtu_min=int(row.get("min_mtu", 0)),
        mtu_max=int(row.get("max_mtu", 0)),
        speed_mbit_s=speed if speed > 0 else None,
        queues=int(row.get("num_rx_queues", 1)),
        is_multiqueue=link in told.with_channels,
        interrupts="MSI" if cards[-1] in told.with_msi else "INTx",
        offloads=_offloads(told.features.get(link, {})),
    )


def listing(told: Told, modalias: str) -> tuple[str, ...]:
    """Return the modules whose id tables list a card; same as ``modprobe --resolve-alias MODALIAS``."""
    return tuple(sorted({module for pattern, module in told.aliases if fnmatchcase(modalias, pattern)}))


def _offloads(features: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(word for name, word in OFFLOADS.items() if features.get(name, {}).get("active"))
