"""A NIC of a guest."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuestVlan:
    """A VLAN sub-interface in a guest, such as ``ip link add link eth0 name eth0.10 type vlan id 10`` makes.

    Attributes
    ----------
    link
        Its name in the guest.
    vlan_id
        Tag of its frames.
    addresses
        Its addresses with prefix length.
    """

    link: str
    vlan_id: int
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestNic:
    """A NIC of a guest, as libvirt and the guest itself tell it.

    Attributes
    ----------
    domain, state
        Name of the domain and its state in libvirt's words, such as
        ``running`` or ``shut off``.
    model
        Model that QEMU emulates, such as ``rtl8139`` or ``virtio``.
    mac
        MAC address.
    tap
        Link of the host that its frames come out of (``<target dev>``);
        empty while the domain is off.
    network, bridge
        Source in the domain's XML: a libvirt network, the bridge of it;
        empty for what has none.
    link
        Its name in the guest, such as ``eth0``; empty if the guest does not
        say, or has no driver for it.
    driver
        Driver that the guest bound to it; empty if none, or unknown.
    addresses
        Its addresses with prefix length, as the guest reports them.
    has_carrier
        Whether the guest sees a cable; None if it does not say, as long as
        its link is not up.
    kind
        The ``type`` of libvirt's ``<interface>``: ``network``, ``bridge``,
        ``direct``, ``ethernet``, ``user``, ``mcast``, ``udp``, ``hostdev``.
    source
        What is neither network nor bridge: a link of the host (direct), the
        backend of user mode (``slirp`` or ``passt``), ADDRESS:PORT of a
        socket, the PCI address of a device of the host.
    peer
        Other end of a UDP tunnel, as ADDRESS:PORT.
    mode
        Of direct mode, in libvirt's words: ``bridge``, ``vepa``, ``private``,
        ``passthrough``.
    forwards
        Ports of the host that lead to it in user mode, as in ``tcp 8080 to 80``.
    is_isolated
        Whether its port of the bridge shall not talk to other isolated ports.
    is_up
        Whether its link is set up in the guest; None if the guest does not say.
    master
        Bridge or bond in the guest that it is a port of.
    vlans
        Its VLAN sub-interfaces in the guest.
    told_by
        Who told what is inside of the guest: ``guest``; ``leases``, for a
        guest without an agent; empty as long as nobody did.
    """

    domain: str
    state: str
    model: str
    mac: str
    tap: str = ""
    network: str = ""
    bridge: str = ""
    link: str = ""
    driver: str = ""
    addresses: tuple[str, ...] = ()
    has_carrier: bool | None = None
    kind: str = ""
    source: str = ""
    peer: str = ""
    mode: str = ""
    forwards: tuple[str, ...] = ()
    is_isolated: bool = False
    is_up: bool | None = None
    master: str = ""
    vlans: tuple[GuestVlan, ...] = ()
    told_by: str = ""
