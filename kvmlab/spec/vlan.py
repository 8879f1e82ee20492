"""VLANs: links whose frames carry a tag, and who may send which (IEEE 802.1Q)."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from kvmlab.errors import SpecError
from kvmlab.spec import _checks

#: The VLAN that every port of a Linux bridge is in at first (ip-link(8), vlan_default_pvid).
DEFAULT_VLAN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanSpec:
    """A link that sends and takes frames with one tag only, on top of another link.

    Parameters
    ----------
    link
        The link below, such as ``eth0``.
    id
        The tag, 1 to 4094.
    addresses
        Addresses that it gets, with prefix length.
    name
        Its name; ``LINK.ID`` by default.

    Raises
    ------
    SpecError
        If something is malformed.

    Examples
    --------
    >>> VlanSpec(link="eth0", id=10).name
    'eth0.10'
    """

    link: str
    id: int
    addresses: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "addresses", tuple(self.addresses))
        hint = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"
        _checks.check_link_name("link", self.link, hint=hint)
        _checks.check_vlan_id(self.id)
        object.__setattr__(self, "name", self.name or f"{self.link}.{self.id}")
        _checks.check_link_name("VLAN link", self.name, hint=f"{hint}: give it a name")
        for address in self.addresses:
            _checks.check_interface_address(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortVlans:
    """The VLANs of a port of a bridge that looks at tags.

    Parameters
    ----------
    port
        The port, such as ``vnet0``.
    untagged
        VLAN of the frames without a tag, in both directions (an *access*
        port); None if it takes none.
    tagged
        VLANs whose frames carry their tag (a *trunk* port).

    Raises
    ------
    SpecError
        If a VLAN is impossible, or named twice, or there is none.
    """

    port: str
    untagged: int | None = None
    tagged: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tagged", tuple(self.tagged))
        hint = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"
        _checks.check_link_name("port", self.port, hint=hint)
        own = ([] if self.untagged is None else [self.untagged]) + list(self.tagged)
        _checks.check_vlans(f"port {self.port!r}", own)
        if not own:
            raise SpecError(
                f"port {self.port!r} is in no VLAN", hint="such as untagged=10, or tagged=(10, 20)"
            )


def vlan_element(numbers: Sequence[int]) -> ET.Element:
    """Return libvirt's ``<vlan>`` (formatnetwork, "Setting VLAN tag").

    Examples
    --------
    >>> ET.tostring(vlan_element([10]))
    b'<vlan><tag id="10" /></vlan>'
    """
    element = ET.Element("vlan", {"trunk": "yes"} if len(numbers) > 1 else {})
    for number in numbers:
        ET.SubElement(element, "tag", id=str(number))
    return element
