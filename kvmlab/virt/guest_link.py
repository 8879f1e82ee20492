"""A network interface as the guest itself sees it, through its agent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GuestLink:
    """A network interface as the guest itself sees it.

    Attributes
    ----------
    name
        Its name in the guest, such as ``eth0``.
    mac
        Its MAC address.
    addresses
        Its addresses with prefix length, IPv4 first.
    """

    name: str
    mac: str
    addresses: tuple[str, ...]

    @property
    def ipv4(self) -> str:
        """Its first IPv4 address without prefix length; empty if none."""
        return next((a.split("/")[0] for a in self.addresses if "." in a), "")


def from_agent(rows: Iterable[Mapping[str, Any]]) -> list[GuestLink]:
    """Return the interfaces in the agent's answer to ``guest-network-get-interfaces``, by name.

    Examples
    --------
    >>> address = {"ip-address-type": "ipv4", "ip-address": "10.0.0.2", "prefix": 24}
    >>> from_agent([{"name": "lo"}, {"name": "eth0", "ip-addresses": [address]}])[0].ipv4
    '10.0.0.2'
    """
    found = [_link(row) for row in rows if row["name"] != "lo"]
    return sorted(found, key=lambda link: link.name)


def _link(row: Mapping[str, Any]) -> GuestLink:
    known = sorted(row.get("ip-addresses", []), key=lambda a: a["ip-address-type"])
    addresses = tuple(f"{a['ip-address']}/{a['prefix']}" for a in known)
    return GuestLink(name=row["name"], mac=row.get("hardware-address", ""), addresses=addresses)
