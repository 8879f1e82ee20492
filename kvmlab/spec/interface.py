"""A NIC of a domain: libvirt's ``<interface>``."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kvmlab.errors import SpecError
from kvmlab.spec import _checks
from kvmlab.spec.source import Source
from kvmlab.spec.virtio import check_driver, driver_elements
from kvmlab.spec.vlan import vlan_element


@dataclass(frozen=True, slots=True)
class NicModel:
    """A NIC that QEMU emulates.

    Attributes
    ----------
    slot
        Kind of slot that libvirt plugs it into on q35: ``pcie``, or ``pci``
        (conventional). Some conventional cards work in a PCIe slot, too.
    driver
        Linux driver that binds it.
    pci_id
        Vendor and device id, as ``lspci -n`` prints it.
    """

    slot: Literal["pci", "pcie"]
    driver: str
    pci_id: str


#: libvirt's name of each model (formatdomain, "Setting the NIC model").
#: Slots, drivers and ids as a guest had them with libvirt 9.0 and QEMU 7.2;
#: igb needs QEMU 8.0 (its driver and id: Linux, drivers/net/ethernet/intel/igb).
NIC_MODELS: dict[str, NicModel] = {
    "virtio": NicModel("pcie", "virtio_net", "1af4:1041"),
    "rtl8139": NicModel("pci", "8139cp", "10ec:8139"),
    "e1000": NicModel("pci", "e1000", "8086:100e"),
    "e1000e": NicModel("pcie", "e1000e", "8086:10d3"),
    "igb": NicModel("pcie", "igb", "8086:10c9"),
    "vmxnet3": NicModel("pci", "vmxnet3", "15ad:07b0"),
    "pcnet": NicModel("pcie", "pcnet32", "1022:2000"),
    "ne2k_pci": NicModel("pcie", "ne2k-pci", "10ec:8029"),
    "i82551": NicModel("pcie", "e100", "8086:1209"),
    "i82557b": NicModel("pcie", "e100", "8086:1229"),
    "i82559er": NicModel("pcie", "e100", "8086:1209"),
    "tulip": NicModel("pcie", "tulip", "1011:0019"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSpec:
    """A NIC of a domain, and what it is plugged into.

    Parameters
    ----------
    network
        Name of a libvirt network.
    bridge
        Name of a bridge of the host.
    source
        Anything else that it is plugged into: :class:`~kvmlab.spec.source.Direct`,
        :class:`~kvmlab.spec.user.UserMode` and so on. One of the three is given.
    model
        One of :data:`NIC_MODELS`.
    mac
        MAC address; by default one that follows from the names of lab and domain.
    mtu
        MTU of the tap in bytes, 68 to 65535; the network's own by default.
    target
        Name of the tap; libvirt's ``vnetN`` by default.
    address
        IPv4 address to reserve in the network's DHCP; by default dnsmasq
        chooses one, which follows from the MAC address.
    isolated
        Whether its bridge port may not talk to other isolated ports
        (bridge(8), ``isolated on``).
    vlans
        VLANs of its bridge port, set by libvirt 11.0 and later on a bridge of
        the host (not on those that libvirt makes): of one, frames go to the
        guest without a tag; of several, with (a trunk). By default the bridge
        passes tags as they are.
    queues
        Pairs of queues of a virtio NIC; a guest uses at most one for each of its CPUs.
    without
        Features that a virtio NIC does not offer: some of :data:`kvmlab.spec.virtio.FEATURES`.

    Raises
    ------
    SpecError
        If something is malformed or missing.

    Examples
    --------
    >>> print(InterfaceSpec(network="blue", model="rtl8139").to_xml())
    <interface type="network">
      <source network="blue" />
      <model type="rtl8139" />
    </interface>
    """

    network: str | None = None
    bridge: str | None = None
    source: Source | None = None
    model: str = "virtio"
    mac: str | None = None
    mtu: int | None = None
    target: str | None = None
    address: str | None = None
    isolated: bool = False
    vlans: tuple[int, ...] = ()
    queues: int = 1
    without: Sequence[str] = ()

    def __post_init__(self) -> None:
        given = [self.network, self.bridge, self.source]
        if sum(value is not None for value in given) != 1:
            raise SpecError(
                "an interface needs one network, bridge or source, and no two of them",
                hint="such as network='blue'",
            )
        if self.model not in NIC_MODELS:
            raise SpecError(f"NIC model {self.model!r} is unknown", hint=f"known: {', '.join(NIC_MODELS)}")
        if self.mac is not None:
            _checks.check_mac(self.mac)
            object.__setattr__(self, "mac", self.mac.lower())  # as libvirt and the kernel write it
        if self.mtu is not None:
            _checks.check_mtu("interface", self.mtu)
        if self.target is not None:
            hint = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"
            _checks.check_link_name("tap name", self.target, hint=hint)
        if self.address is not None:
            self._check_address(self.address)
        object.__setattr__(self, "vlans", tuple(self.vlans))
        _checks.check_vlans("interface", self.vlans)
        if self.source is not None:
            self._check_own_tap(self.source)
        object.__setattr__(self, "without", tuple(self.without))
        check_driver(self.model, self.queues, self.without)

    def _check_own_tap(self, source: Source) -> None:
        """Refuse what only a tap has that libvirt makes and plugs into a bridge."""
        given = {
            "isolated": self.isolated,
            "target": self.target is not None,
            "vlans": bool(self.vlans),
        }
        wrong = [name for name, is_given in given.items() if is_given]
        if wrong:
            raise SpecError(
                f"an interface of type {source.kind!r} has no {' and no '.join(wrong)}",
                hint="that belongs to a port of a bridge: use network= or bridge=",
            )

    def _check_address(self, address: str) -> None:
        if self.network is None:
            raise SpecError(
                f"address {address!r} cannot be reserved outside of a libvirt network",
                hint="only a libvirt network has a DHCP server of libvirt's: leave address out",
            )
        _checks.check_ipv4(address)

    def to_element(self) -> ET.Element:
        """Return libvirt's ``<interface>`` element."""
        interface = ET.Element("interface", type=self.kind)
        if self.kind == "hostdev":
            interface.set("managed", "yes")  # libvirt takes it from its driver, and gives it back
        if self.mac is not None:
            ET.SubElement(interface, "mac", address=self.mac)
        if self.source is not None:
            interface.extend(self.source.elements())
        else:
            ET.SubElement(interface, "source", {self.kind: self.network or self.bridge or ""})
        if self.target is not None:
            ET.SubElement(interface, "target", dev=self.target)
        if self.kind != "hostdev":  # a card of the host is what it is
            ET.SubElement(interface, "model", type=self.model)
        interface.extend(driver_elements(self.queues, self.without))
        if self.mtu is not None:
            ET.SubElement(interface, "mtu", size=str(self.mtu))
        interface.extend(self._port_elements())
        return interface

    def _port_elements(self) -> Iterator[ET.Element]:
        """Yield what the NIC's port of a bridge is told."""
        if self.vlans:
            yield vlan_element(self.vlans)
        if self.isolated:
            yield ET.Element("port", isolated="yes")

    @property
    def kind(self) -> str:
        """The ``type`` of libvirt's ``<interface>``."""
        if self.source is not None:
            return self.source.kind
        return "network" if self.network is not None else "bridge"

    def to_xml(self) -> str:
        """Return the XML that ``virsh attach-device`` would read."""
        element = self.to_element()
        ET.indent(element)
        return ET.tostring(element, encoding="unicode")
