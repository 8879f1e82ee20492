"""The NICs of a guest: libvirt's view joined with the guest's own."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

from kvmlab.topology import GuestNic

#: Prints a JSON list: what `ip` says of each link; then a line for each link that has a driver.
#: One program for all links: under emulation each costs a guest some hundredths of a second.
ASK = (
    "/bin/sh",
    "-c",
    """\
ip -json address show
find /sys/class/net/*/device/driver -maxdepth 0 -printf '%p %l\\n' 2>/dev/null || true""",
)


def from_xml(domain: str, state: str, xml: str) -> list[GuestNic]:
    """Return the NICs in a domain's XML, in its order."""
    return [_nic(domain, state, element) for element in ET.fromstring(xml).iterfind("./devices/interface")]


def _nic(domain: str, state: str, interface: ET.Element) -> GuestNic:
    def attribute(path: str, name: str) -> str:
        element = interface.find(path)
        return "" if element is None else element.get(name, "")

    return GuestNic(
        domain=domain,
        state=state,
        model=attribute("model", "type"),
        mac=attribute("mac", "address"),
        tap=attribute("target", "dev") if state == "running" else "",
        network=attribute("source", "network"),
        bridge=attribute("source", "bridge"),
    )


def with_guest_view(nics: Sequence[GuestNic], said: str) -> list[GuestNic]:
    """Add what a guest printed for :data:`ASK`, matched by MAC address.

    Parameters
    ----------
    nics
        NICs of one domain.
    said
        Output of the command in its guest.
    """
    listed, _, rest = said.partition("\n")
    links = {row.get("address", ""): row for row in json.loads(listed)}
    drivers = dict(_driver(line) for line in rest.splitlines())
    return [_seen(nic, links[nic.mac], drivers) if nic.mac in links else nic for nic in nics]


def _driver(line: str) -> tuple[str, str]:
    """Read a line such as ``/sys/class/net/eth0/device/driver ../../bus/pci/drivers/8139cp``."""
    path, _, target = line.partition(" ")
    return path.split("/")[4], target.rsplit("/", 1)[-1]


def _seen(nic: GuestNic, row: dict[str, object], drivers: dict[str, str]) -> GuestNic:
    name, flags = str(row["ifname"]), row.get("flags", [])
    addresses = row.get("addr_info", [])
    is_up = isinstance(flags, list) and "UP" in flags
    return replace(
        nic,
        link=name,
        driver=drivers.get(name, ""),
        addresses=tuple(f"{a['local']}/{a['prefixlen']}" for a in addresses if "local" in a)
        if isinstance(addresses, list)
        else (),
        has_carrier=("NO-CARRIER" not in flags if isinstance(flags, list) and is_up else None),
    )
