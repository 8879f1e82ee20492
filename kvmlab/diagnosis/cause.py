"""Causes that a diagnosis can name, what each means, and what puts it right."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """What a cause is, and what puts it right.

    Attributes
    ----------
    about
        One sentence.
    remedy
        What to do, with the command where there is one.
    """

    about: str
    remedy: str


#: By the names that a diagnosis uses.
CAUSES: Mapping[str, Cause] = {
    # link
    "cable-unplugged": Cause(
        "libvirt keeps the cable of the guest's card unplugged.", "virsh domif-setlink DOMAIN MAC up"
    ),
    "tap-down": Cause("The guest's tap is set down on the host.", "ip link set dev TAP up"),
    "guest-silent": Cause(
        "The guest runs, but its agent does not answer.", "look at its console: kvmlab console DOMAIN"
    ),
    # driver
    "driver-blacklisted": Cause(
        "The guest must not load the driver of its card.",
        "in the guest: take the line out of /etc/modprobe.d, then modprobe DRIVER",
    ),
    "driver-wrong": Cause(
        "No driver is bound to the guest's card; the one that fits is not loaded.",
        "in the guest: modprobe DRIVER, with the driver that lspci -nnk offers",
    ),
    "card-missing": Cause(
        "The guest does not see the card that libvirt defined.", "stop the guest and start it again"
    ),
    "guest-link-down": Cause("The guest's link is set down.", "in the guest: ip link set dev LINK up"),
    # address
    "dnsmasq-dead": Cause(
        "The network's dnsmasq does not run: no addresses, no names.",
        "libvirtd starts it again when it is told to reload: pkill -HUP -x libvirtd",
    ),
    "dhcp-exhausted": Cause(
        "All addresses of the network's DHCP range are given out.",
        "give it a larger range: virsh net-update NETWORK add ip-dhcp-range …",
    ),
    "no-address": Cause(
        "The guest has no IPv4 address.", "is there a DHCP server? in the guest: dhcpcd --rebind LINK"
    ),
    "address-foreign": Cause(
        "The guest's address is not of its network's subnet.", "in the guest: take it away, and ask DHCP"
    ),
    "prefix-wrong": Cause(
        "The guest's address has another prefix length than its network.",
        "in the guest: ip address delete ADDRESS/WRONG dev LINK",
    ),
    "duplicate-ip": Cause(
        "Two machines have the same IPv4 address.", "take it away from the one that DHCP did not give it to"
    ),
    "gateway-missing": Cause("The guest has no default route.", "in the guest: ip route add default via …"),
    "gateway-wrong": Cause(
        "The guest's default route leads to an address that nobody has.",
        "in the guest: ip route delete default via WRONG; DHCP's own route is left",
    ),
    # neighbour
    "duplicate-mac": Cause(
        "Two guests use the same MAC address.",
        "give one of them the address that libvirt knows: ip link set dev LINK address MAC",
    ),
    "nwfilter-mac": Cause(
        "The guest uses another MAC address than its card has, and libvirt's filter drops its frames.",
        "in the guest: ip link set dev LINK address MAC",
    ),
    # bridge
    "network-inactive": Cause(
        "The guest's libvirt network is stopped.",
        "virsh net-start NETWORK, then plug its taps in: ip link set dev TAP master BRIDGE",
    ),
    "network-not-autostarted": Cause(
        "The guest's libvirt network is stopped, and is not started with the host.",
        "virsh net-start NETWORK and virsh net-autostart NETWORK, then plug its taps in",
    ),
    "port-missing": Cause("The guest's tap is no port of its bridge.", "ip link set dev TAP master BRIDGE"),
    "port-blocked": Cause(
        "The port of the guest's tap passes no frames.",
        "bridge link set dev TAP guard off, and state 3 (forwarding); with STP, wait for it",
    ),
    "port-isolated": Cause(
        "The ports are isolated, although libvirt was not asked for it.",
        "bridge link set dev TAP isolated off",
    ),
    "mtu-mismatch": Cause(
        "On the guest's bridge not all links have one MTU: larger frames are dropped.",
        "ip link set dev LINK mtu …, the same everywhere",
    ),
    "br-netfilter": Cause(
        "Bridged frames go through the rules for forwarded packets, and are dropped there.",
        "sysctl --write net.bridge.bridge-nf-call-iptables=0, or accept them in FORWARD",
    ),
    "uplink-down": Cause("The host's uplink is set down.", "ip link set dev UPLINK up; its routes are gone"),
    "uplink-no-carrier": Cause(
        "The host's uplink has no carrier: nothing is at the other end of its cable.",
        "plug the cable in; at the switch: ip link set dev PORT up",
    ),
    "uplink-address-on-port": Cause(
        "The host's address is on a port of a bridge, where it is of no use.",
        "move address and default route from the port to the bridge",
    ),
    "macvtap-host": Cause(
        "The host asks for its guest through the link below it, which hands nothing back.",
        "ip route add ADDRESS/32 dev MACVLAN, the host's own macvlan on that link",
    ),
    # forwarding
    "host-no-route": Cause("The host has no default route.", "ip route add default via …"),
    "ip-forward-off": Cause("The host does not forward packets.", "sysctl --write net.ipv4.ip_forward=1"),
    "forward-policy-drop": Cause(
        "The policy of the chain for forwarded packets is to drop, and no rule accepts the guest's.",
        "iptables --policy FORWARD ACCEPT, or a rule that accepts them",
    ),
    "rule-drops": Cause("A rule of the host's firewall drops the guest's packets.", "take it away"),
    # nat
    "rules-flushed": Cause(
        "libvirt's rules for the NAT network are gone: guests leave the host untranslated.",
        "iptables -t nat -A POSTROUTING -s SUBNET ! -d SUBNET -j MASQUERADE, until libvirtd is restarted",
    ),
    "forward-wrong-guest": Cause(
        "A port of the host leads to a guest that serves nothing there, while another one does.",
        "lead it to the right address",
    ),
    # route back
    "route-back-missing": Cause(
        "The LAN's router does not know where the guest's subnet is.", "on the router: ip route add …"
    ),
    "rp-filter": Cause(
        "Packets for the guest come in by another link than answers leave by, and are dropped for it.",
        "sysctl --write net.ipv4.conf.all.rp_filter=2 and that of the link, or make the ways the same",
    ),
    "pmtu-black-hole": Cause(
        "Large packets are lost on the way, and no message about their size comes back.",
        "let ICMP 'fragmentation needed' through, or lower the MTU (TCP: clamp the MSS)",
    ),
    "dns-wrong": Cause(
        "The name server that the guest asks does not answer.", "in the guest: correct /etc/resolv.conf"
    ),
    "unknown": Cause("Something else is wrong.", "follow one packet: kl.trace(lab, SOURCE, TARGET)"),
}
