"""The NICs of a guest: libvirt's view joined with the guest's own."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kvmlab.topology import GuestNic, GuestVlan

#: Prints a JSON list: what `ip` says of each link; then a line for each link that has a driver.
#: One program for all links: under emulation each costs a guest some hundredths of a second.
ASK = (
    "/bin/sh",
    "-c",
    """\
ip -details -json address show
find /sys/class/net/*/device/driver -maxdepth 0 -printf '%p %l\\n' 2>/dev/null || true""",
)


def from_xml(domain: str, state: str, xml: str) -> list[GuestNic]:
    """Return the NICs in a domain's XML, in its order."""
    return [_nic(domain, state, element) for element in ET.fromstring(xml).iterfind("./devices/interface")]


def _nic(domain: str, state: str, interface: ET.Element) -> GuestNic:
    kind = interface.get("type", "")
    return GuestNic(
        domain=domain,
        state=state,
        model=_attribute(interface, "model", "type"),
        mac=_attribute(interface, "mac", "address"),
        tap=_attribute(interface, "target", "dev") if state == "running" else "",
        network=_attribute(interface, "source", "network"),
        bridge=_attribute(interface, "source", "bridge"),
        kind=kind,
        source=_source(interface, kind),
        peer=_socket(interface.find("source")) if kind == "udp" else "",
        mode=_attribute(interface, "source", "mode") if kind == "direct" else "",
        forwards=tuple(_forwards(interface)),
        is_isolated=_attribute(interface, "port", "isolated") == "yes",
    )


def _attribute(parent: ET.Element, path: str, name: str) -> str:
    element = parent.find(path)
    return "" if element is None else element.get(name, "")


def _source(interface: ET.Element, kind: str) -> str:
    """Return what a NIC is plugged into that is neither network nor bridge."""
    if kind == "direct":
        return _attribute(interface, "source", "dev")
    if kind == "user":
        return _attribute(interface, "backend", "type") or "slirp"
    if kind == "udp":
        return _socket(interface.find("source/local"))
    if kind in ("mcast", "server", "client"):
        return _socket(interface.find("source"))
    return _pci_address(interface.find("source/address")) if kind == "hostdev" else ""


def _socket(element: ET.Element | None) -> str:
    return "" if element is None else f"{element.get('address', '')}:{element.get('port', '')}"


def _pci_address(element: ET.Element | None) -> str:
    if element is None:
        return ""
    domain, bus, slot, function = (
        int(element.get(part, "0"), 16) for part in ("domain", "bus", "slot", "function")
    )
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _forwards(interface: ET.Element) -> list[str]:
    found = []
    for element in interface.iterfind("portForward"):
        for ports in element.iterfind("range"):
            start = ports.get("start", "")
            found.append(f"{element.get('proto', '')} {start} to {ports.get('to', start)}")
    return found


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
    rows = json.loads(listed)
    drivers = dict(_driver(line) for line in rest.splitlines())
    # VLANs, bonds and bridges have the MAC address of a card, too; a bond changes that of its ports.
    cards = {_permanent_mac(row): row for row in rows if "info_kind" not in row.get("linkinfo", {})}
    seen = (_seen(nic, cards[nic.mac], rows) if nic.mac in cards else nic for nic in nics)
    return [replace(nic, driver=drivers.get(nic.link, ""), told_by="guest") for nic in seen]


def _permanent_mac(row: Mapping[str, Any]) -> str:
    slave = row.get("linkinfo", {}).get("info_slave_data", {})
    return str(row.get("permaddr") or slave.get("perm_hwaddr") or row.get("address", ""))


def _driver(line: str) -> tuple[str, str]:
    """Read a line such as ``/sys/class/net/eth0/device/driver ../../bus/pci/drivers/8139cp``."""
    path, _, target = line.partition(" ")
    return path.split("/")[4], target.rsplit("/", 1)[-1]


def _seen(nic: GuestNic, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> GuestNic:
    flags = row.get("flags", [])
    is_up = "UP" in flags
    tagged = (r for r in rows if r.get("link") == row["ifname"])
    return replace(
        nic,
        link=str(row["ifname"]),
        addresses=_addresses(row),
        has_carrier="NO-CARRIER" not in flags if is_up else None,
        is_up=is_up,
        master=str(row.get("master", "")),
        vlans=tuple(_vlan(r) for r in tagged if r.get("linkinfo", {}).get("info_kind") == "vlan"),
    )


def _vlan(row: Mapping[str, Any]) -> GuestVlan:
    return GuestVlan(str(row["ifname"]), int(row["linkinfo"]["info_data"]["id"]), _addresses(row))


def _addresses(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{a['local']}/{a['prefixlen']}" for a in row.get("addr_info", []) if "local" in a)
