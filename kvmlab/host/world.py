"""The world of a lab: every name and address, in one place.

A lab's KVM host stands in a small emulated world: the LAN of a building with
its switch, a router that serves DHCP and DNS, a second PC, and an internet.
Each of these hosts is a network namespace; the cables are veth pairs.

The LAN uses RFC 1918 and RFC 3849 addresses; the servers on the internet use
the documentation ranges of RFC 5737, and 8.8.8.8, which everyone knows. Over
IPv4 the LAN has one public address, and its router translates; over IPv6 the
provider routes a prefix to it, of which the LAN uses one /64 (RFC 8415,
"prefix delegation").
"""

from dataclasses import dataclass

#: Host names of the emulated world, the KVM host first.
HOSTS = ("host", "switch", "router", "pc", "internet")

LAN_SUBNET = "192.168.1.0/24"
LAN_SUBNET6 = "2001:db8:1::/64"
#: What the provider routes to the LAN's router: as many subnets as a house can use (RFC 6177).
SITE_PREFIX6 = "2001:db8:1::/48"
LAN_DOMAIN = "lan"
LAN_DHCP_RANGE = ("192.168.1.100", "192.168.1.199")
#: The KVM host's card that has its address, and the one that is free.
HOST_UPLINK, SPARE_UPLINK = "enp1s0", "enp2s0"
ROUTER_ADDRESS = "192.168.1.1"
ROUTER_ADDRESS6 = "2001:db8:1::1"
HOST_ADDRESS = "192.168.1.10"
HOST_ADDRESS6 = "2001:db8:1::10"
PC_ADDRESS = "192.168.1.20"
PC_ADDRESS6 = "2001:db8:1::20"
ROUTER_PUBLIC_ADDRESS = "203.0.113.2"
PROVIDER_SUBNET = "203.0.113.0/24"
PROVIDER_SUBNET6 = "2001:db8:ff::/64"
DNS_ADDRESS = "8.8.8.8"
DNS_ADDRESS6 = "2001:4860:4860::8888"
WEB_ADDRESS = "198.51.100.10"
WEB_ADDRESS6 = "2001:db8:ff:80::10"
WEB_NAME = "www.example.com"
WEB_PORT = 80

#: Names that the internet's DNS server answers for.
INTERNET_NAMES = {
    WEB_NAME: (WEB_ADDRESS, WEB_ADDRESS6),
    "example.com": (WEB_ADDRESS, WEB_ADDRESS6),
    "dns.google": (DNS_ADDRESS, DNS_ADDRESS6),
}


@dataclass(frozen=True, slots=True)
class Nic:
    """A network interface of a host of the world.

    Attributes
    ----------
    host, name
        Where it is and what ``ip link`` calls it there.
    mac
        Its MAC address; the same in every lab.
    addresses
        Addresses with prefix length; empty for a port of the switch.
    peer
        ``(host, name)`` of the other end of its cable.
    """

    host: str
    name: str
    mac: str
    addresses: tuple[str, ...]
    peer: tuple[str, str]

    @property
    def peer_mac(self) -> str:
        """MAC address of the other end of its cable: its own with the highest bit of the fifth byte set.

        Examples
        --------
        >>> NICS[0].mac, NICS[0].peer_mac
        ('02:4b:56:4d:01:10', '02:4b:56:4d:81:10')
        """
        octets = self.mac.split(":")
        return ":".join((*octets[:4], f"{int(octets[4], 16) | 0x80:02x}", octets[5]))


#: MAC address of the switch itself.
SWITCH_MAC = "02:4b:56:4d:80:01"

#: One entry per cable: the end at a host; the other end is a port of the
#: switch, or the provider's side of the router's uplink.
NICS = (
    Nic("host", "enp1s0", "02:4b:56:4d:01:10", ("192.168.1.10/24", "2001:db8:1::10/64"), ("switch", "port1")),
    Nic("host", "enp2s0", "02:4b:56:4d:02:10", (), ("switch", "port2")),
    Nic("router", "lan0", "02:4b:56:4d:01:01", ("192.168.1.1/24", "2001:db8:1::1/64"), ("switch", "port3")),
    Nic("pc", "eth0", "02:4b:56:4d:01:20", ("192.168.1.20/24", "2001:db8:1::20/64"), ("switch", "port4")),
    Nic("router", "wan0", "02:4b:56:4d:03:02", ("203.0.113.2/24", "2001:db8:ff::2/64"), ("internet", "isp0")),
)

#: Addresses of the provider's end of the router's uplink.
PROVIDER_ADDRESSES = ("203.0.113.1/24", "2001:db8:ff::1/64")

#: Server addresses that live on the loopback interface of the internet host.
SERVER_ADDRESSES = (
    f"{DNS_ADDRESS}/32",
    f"{WEB_ADDRESS}/32",
    f"{DNS_ADDRESS6}/128",
    f"{WEB_ADDRESS6}/128",
)

#: ``(host, destination, gateway)``; what has no gateway goes nowhere. The last one keeps
#: subnets that nobody uses from going round between router and provider (RFC 7084, WPD-5).
ROUTES = (
    ("host", "default", ROUTER_ADDRESS),
    ("host", "::/0", ROUTER_ADDRESS6),
    ("pc", "default", ROUTER_ADDRESS),
    ("pc", "::/0", ROUTER_ADDRESS6),
    ("router", "default", "203.0.113.1"),
    ("router", "::/0", "2001:db8:ff::1"),
    ("internet", SITE_PREFIX6, "2001:db8:ff::2"),
    ("router", SITE_PREFIX6, ""),
)

#: Sysctls below ``/proc/sys/net`` of a host, beyond the kernel's defaults.
#: Addresses are set by hand, so duplicate address detection (RFC 4862) would
#: only make the start slower, and router advertisements would add a second
#: default route, and an address, through each further NIC.
SYSCTLS: dict[str, dict[str, str]] = {
    "host": {
        "ipv6/conf/default/accept_dad": "0",
        "ipv6/conf/default/accept_ra": "0",
        # two NICs in one LAN: each answers ARP for its own addresses only
        "ipv4/conf/all/arp_ignore": "1",
        # as systemd sets it: user-mode guests may ping (icmp(7))
        "ipv4/ping_group_range": "0 65535",
    },
    "switch": {"ipv6/conf/default/disable_ipv6": "1"},
    "router": {
        "ipv6/conf/default/accept_dad": "0",
        "ipv4/ip_forward": "1",
        "ipv6/conf/all/forwarding": "1",
    },
    "pc": {"ipv6/conf/default/accept_dad": "0", "ipv6/conf/default/accept_ra": "0"},
    "internet": {"ipv6/conf/default/accept_dad": "0", "ipv6/conf/all/forwarding": "1"},
}

#: The router's own firewall, as ``nft -f`` reads it: source NAT towards the
#: internet, as a home router does it.
ROUTER_RULES = """\
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan0" masquerade
  }
}
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A server of the world: ``argv`` runs on ``host`` for as long as the lab.

    Attributes
    ----------
    name
        Name shown by ``kvmlab status``.
    host
        Host that it runs on.
    argv
        Its command; it stays in the foreground.
    """

    name: str
    host: str
    argv: tuple[str, ...]


_DNSMASQ = (
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-hosts",
    "--no-resolv",
    "--leasefile-ro",
    "--pid-file=",
    "--user=root",
    "--log-facility=-",
)


def services() -> tuple[Service, ...]:
    """Return the servers of the world, in the order in which they start."""
    lan_names = (
        f"--address=/router.{LAN_DOMAIN}/{ROUTER_ADDRESS}",
        f"--address=/host.{LAN_DOMAIN}/{HOST_ADDRESS}",
        f"--address=/pc.{LAN_DOMAIN}/{PC_ADDRESS}",
    )
    internet_names = tuple(
        f"--host-record={name},{','.join(addresses)}" for name, addresses in INTERNET_NAMES.items()
    )
    return (
        Service(
            "router dnsmasq",
            "router",
            (
                *_DNSMASQ,
                "--interface=lan0",
                "--bind-interfaces",
                "--dhcp-authoritative",
                "--no-ping",
                f"--domain={LAN_DOMAIN}",
                f"--dhcp-range={','.join(LAN_DHCP_RANGE)},12h",
                f"--dhcp-range={LAN_SUBNET6.split('/')[0]},ra-stateless,12h",
                "--enable-ra",
                f"--server={DNS_ADDRESS}",
                *lan_names,
            ),
        ),
        Service(
            "internet dnsmasq",
            "internet",
            (
                *_DNSMASQ,
                f"--listen-address={DNS_ADDRESS},{DNS_ADDRESS6}",
                "--bind-interfaces",
                # any other name does not exist; without this it is refused, and a resolver tries for 10 s
                "--local=/#/",
                *internet_names,
            ),
        ),
        Service("pc iperf3", "pc", ("iperf3", "--server")),
        Service("internet iperf3", "internet", ("iperf3", "--server")),
    )


#: Hosts that serve HTTP on port 80 with a page that names the caller's address.
WEB_HOSTS = ("pc", "internet")


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the table of the world: one address and what answers there.

    Attributes
    ----------
    host
        Host of the lab.
    link
        Link that carries the address.
    address
        Address with prefix length.
    role
        What it is for.
    """

    host: str
    link: str
    address: str
    role: str


def places() -> tuple[Place, ...]:
    """Return every address of the world with what answers there."""
    roles = {
        HOST_ADDRESS: "the KVM host's uplink",
        ROUTER_ADDRESS: f"LAN router: DHCP {LAN_DHCP_RANGE[0]} to {LAN_DHCP_RANGE[1]}, DNS, NAT",
        PC_ADDRESS: "second PC: ping, HTTP, iperf3",
        ROUTER_PUBLIC_ADDRESS: "the LAN's public address",
        "203.0.113.1": "the provider's router",
        DNS_ADDRESS: "DNS server: ping, DNS, iperf3, HTTP",
        WEB_ADDRESS: f"{WEB_NAME}: ping, HTTP, iperf3",
    }
    rows = [(nic.host, nic.name, address) for nic in NICS for address in nic.addresses]
    rows += [("internet", "isp0", address) for address in PROVIDER_ADDRESSES]
    rows += [("internet", "lo", address) for address in SERVER_ADDRESSES]
    return tuple(
        Place(host, link, address, roles[address.split("/")[0]])
        for host, link, address in rows
        if address.split("/")[0] in roles
    )
