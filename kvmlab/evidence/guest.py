"""What a guest says about its network, asked through its agent by one small script."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmlab._run import Runner
from kvmlab.errors import GuestError

#: Prints sections, each behind a line ``== NAME``. Under emulation a program with shared libraries
#: costs a guest some tenths of a second, so the shell itself reads what it can, and busybox the rest.
_ASK = """\
box=''
[ -x /bin/busybox ] && box=/bin/busybox
echo '== links'
for link in /sys/class/net/*; do
    name=${link##*/} mac='' carrier=0 device=''
    read -r mac <"$link/address"; read -r mtu <"$link/mtu"; read -r flags <"$link/flags"
    read -r carrier <"$link/carrier"
    [ -e "$link/device" ] && device=$($box readlink "$link/device")
    echo "$name ${mac:--} $mtu $flags ${carrier:-0} ${device##*/}"
done 2>/dev/null
echo '== addresses'; $box ip -4 address show
echo '== routes'; while read -r line; do echo "$line"; done </proc/net/route
echo '== resolv'; while read -r line; do echo "$line"; done </etc/resolv.conf
echo '== cards'
for card in /sys/bus/pci/devices/*; do
    read -r class <"$card/class"
    case $class in 0x02*) ;; *) continue ;; esac
    read -r vendor <"$card/vendor"; read -r device <"$card/device"; read -r revision <"$card/revision"
    bound=$card
    for virtio in "$card"/virtio*; do [ -d "$virtio" ] && bound=$virtio; done
    driver=$($box readlink "$bound/driver")
    echo "${card##*/} ${bound##*/} ${vendor#0x}:${device#0x} ${revision#0x} ${driver##*/}"
done
echo '== modules'; while read -r name rest; do echo "$name"; done </proc/modules
echo '== modprobe'
for file in /etc/modprobe.d/*.conf; do
    [ -e "$file" ] && while read -r line; do echo "$line"; done <"$file"
done
echo '== listen'
for file in /proc/net/tcp /proc/net/tcp6; do
    while read -r _ local _ state _; do [ "$state" = 0A ] && echo "${local##*:}"; done <"$file"
done
echo '== end'
"""
#: Seconds that a guest may take for all this; an emulated one on a busy machine takes a second.
_BOUND_S = 30.0
_IFF_UP = 0x1  # linux/if.h


@dataclass(frozen=True, slots=True)
class GuestAddress:
    """An IPv4 address of a guest's link.

    Attributes
    ----------
    cidr
        With prefix length, such as ``192.168.50.63/24``.
    is_dynamic
        Whether it expires, as an address from DHCP does.
    """

    cidr: str
    is_dynamic: bool

    @property
    def interface(self) -> IPv4Interface:
        """The address with its subnet."""
        return IPv4Interface(self.cidr)


@dataclass(frozen=True, slots=True)
class GuestRoute:
    """An IPv4 route of a guest, as ``ip route`` shows it; ``gateway`` is empty for what is on the link."""

    destination: str
    gateway: str
    link: str
    metric: int = 0


@dataclass(frozen=True, slots=True)
class GuestLink:
    """A link of a guest, without its loopback.

    Attributes
    ----------
    name, mac, mtu
        As ``ip link`` shows them.
    is_up
        Whether it was set up by its administrator.
    has_carrier
        Whether the guest sees a cable.
    driver
        Driver that is bound; empty for a link that is no device.
    addresses
        IPv4 addresses.
    """

    name: str
    mac: str
    mtu: int
    is_up: bool
    has_carrier: bool
    driver: str
    addresses: tuple[GuestAddress, ...]


@dataclass(frozen=True, slots=True)
class GuestCard:
    """A network card on the guest's PCI bus, as ``lspci -nnk`` shows it.

    Attributes
    ----------
    slot
        PCI address.
    device
        What the driver binds to: the card itself, or the virtio device behind it.
    pci_id
        Vendor and device, such as ``10ec:8139``.
    revision
        Two hexadecimal digits.
    driver
        Driver that is bound; empty if none is.
    """

    slot: str
    device: str
    pci_id: str
    revision: str
    driver: str


@dataclass(frozen=True, slots=True)
class GuestView:
    """What a guest says about its network at one moment.

    Attributes
    ----------
    links, routes, cards
        Its links, IPv4 routes of the main table, and cards.
    name_servers
        In the order in which it asks them.
    modules
        Names of the kernel modules that are loaded.
    modprobe
        Lines of ``/etc/modprobe.d`` (modprobe.d(5)).
    tcp_ports
        TCP ports that something listens on.
    """

    links: tuple[GuestLink, ...]
    routes: tuple[GuestRoute, ...]
    name_servers: tuple[str, ...]
    cards: tuple[GuestCard, ...]
    modules: frozenset[str]
    modprobe: tuple[str, ...]
    tcp_ports: frozenset[int]

    def link(self, mac: str) -> GuestLink | None:
        """Return the link with this MAC address, the card rather than a VLAN on it; None if there is none."""
        found = [link for link in self.links if link.mac == mac]
        return min(found, key=lambda link: not link.driver, default=None)

    @property
    def gateway(self) -> str:
        """Next hop of the default route that wins; empty without one."""
        default = [route for route in self.routes if route.destination == "default"]
        return min(default, key=lambda route: route.metric).gateway if default else ""

    def is_blacklisted(self, module: str) -> bool:
        """Tell whether a file keeps modprobe from loading a module (modprobe.d(5))."""
        wanted = module.replace("-", "_")
        words = [line.split() for line in self.modprobe]
        return any(
            len(line) > 1 and line[0] in ("blacklist", "install") and line[1].replace("-", "_") == wanted
            for line in words
        )


def read_guest(guest: Runner) -> GuestView:
    """Ask a guest about its network.

    Parameters
    ----------
    guest
        A domain that runs.

    Raises
    ------
    GuestError
        If it does not answer, or says something else.
    CommandTimeout
        If it takes too long.
    """
    said = guest.run(["/bin/sh", "-c", _ASK], check=False, timeout_s=_BOUND_S).stdout
    try:
        return parse_guest(said)
    except (ValueError, KeyError, IndexError) as error:
        raise GuestError(
            guest.name, f"says something about its network that cannot be read: {error}"
        ) from error


def parse_guest(said: str) -> GuestView:
    """Read what the script printed.

    Raises
    ------
    ValueError, KeyError, IndexError
        If it is not complete.
    """
    sections = dict(_sections(said))
    if "end" not in sections:
        raise ValueError("it breaks off")
    cards = {card.device: card for card in map(_card, sections["cards"])}
    addresses = _addresses(sections["addresses"])
    return GuestView(
        links=tuple(_links(sections["links"], addresses, cards)),
        routes=tuple(_routes(sections["routes"][1:])),
        name_servers=tuple(line.split()[1] for line in sections["resolv"] if line.startswith("nameserver ")),
        cards=tuple(cards.values()),
        modules=frozenset(sections["modules"]),
        modprobe=tuple(sections["modprobe"]),
        tcp_ports=frozenset(int(port, 16) for port in sections["listen"]),
    )


def _sections(said: str) -> Iterator[tuple[str, list[str]]]:
    for part in said.split("== ")[1:]:
        name, *lines = part.splitlines()
        yield name, [line for line in lines if line]


def _links(
    lines: Sequence[str], addresses: Mapping[str, list[GuestAddress]], cards: Mapping[str, GuestCard]
) -> Iterator[GuestLink]:
    for line in lines:
        name, mac, mtu, flags, carrier, *device = line.split()
        if name == "lo":
            continue
        card = cards.get(device[0]) if device else None
        yield GuestLink(
            name=name,
            mac=mac,
            mtu=int(mtu),
            is_up=bool(int(flags, 16) & _IFF_UP),
            has_carrier=carrier == "1",
            driver=card.driver if card else "",
            addresses=tuple(addresses.get(name, ())),
        )


def _addresses(lines: Sequence[str]) -> dict[str, list[GuestAddress]]:
    """Read what ``ip address`` prints, that of busybox and that of iproute2."""
    found: dict[str, list[GuestAddress]] = {}
    link = ""
    for line in lines:
        words = line.split()
        if words[0] == "inet":
            found.setdefault(link, []).append(GuestAddress(words[1], "dynamic" in words))
        elif words[0].endswith(":"):
            link = words[1].rstrip(":").split("@")[0]
    return found


def _routes(lines: Sequence[str]) -> Iterator[GuestRoute]:
    """Read /proc/net/route: hexadecimal numbers in the order of the CPU (proc_pid_net(5))."""
    for line in lines:
        link, destination, gateway, _flags, _use, _count, metric, mask, *_ = line.split()
        subnet = IPv4Network((_address(destination), str(_address(mask))))
        via = "" if int(gateway, 16) == 0 else str(_address(gateway))
        yield GuestRoute("default" if subnet.prefixlen == 0 else str(subnet), via, link, int(metric))


def _address(text: str) -> IPv4Address:
    return IPv4Address(int(text, 16).to_bytes(4, "little"))


def _card(line: str) -> GuestCard:
    slot, device, pci_id, revision, *driver = line.split()
    return GuestCard(slot, device, pci_id, revision, driver[0] if driver else "")
