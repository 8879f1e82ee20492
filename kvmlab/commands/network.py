"""A network: with libvirt, and by hand with the kernel's own tools."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

from kvmlab.commands.command import Command, Explanation
from kvmlab.errors import SpecError
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.reservation import Reservation


def explain_network(spec: NetworkSpec, *, reservations: Sequence[Reservation] = ()) -> Explanation:
    """Return the commands that give a real host this network through libvirt.

    Parameters
    ----------
    spec
        The network.
    reservations
        Fixed addresses in its DHCP.
    """
    name, bridge = spec.name, spec.bridge_name
    xml = spec.to_xml(reservations=reservations)
    commands = [
        Command(
            ("virsh", "net-define", "/dev/stdin"), "Give libvirt the description; nothing runs yet", stdin=xml
        ),
        Command(("virsh", "net-start", name), _start_comment(spec)),
        Command(("virsh", "net-autostart", name), "Start it with the host from now on"),
        Command(("virsh", "net-dumpxml", name), "Show the description with what libvirt added"),
    ]
    if spec.subnets:
        commands += [
            Command(("ip", "-brief", "address", "show", "dev", bridge), "Show the host's own address in it"),
            Command(("nft", "list", "ruleset"), "Show the firewall rules, libvirt's among them"),
        ]
    if spec.dhcp_range is not None:
        commands.append(Command(("virsh", "net-dhcp-leases", name), "Show who got which address"))
    commands.append(Command(("ip", "-brief", "link", "show", "master", bridge), "Show the bridge's ports"))
    return Explanation(f"Network {name} with libvirt", tuple(commands))


def _start_comment(spec: NetworkSpec) -> str:
    if spec.forward == "bridge":
        return f"Start it: guests may be plugged into {spec.bridge_name}, which exists already"
    rules = "" if spec.forward == "open" else " and the firewall rules"
    return f"Start it: libvirt makes the bridge, dnsmasq{rules}"


def explain_by_hand(spec: NetworkSpec, *, reservations: Sequence[Reservation] = ()) -> Explanation:
    """Return the commands that make the same network without libvirt.

    Parameters
    ----------
    spec
        The network; libvirt's own of that name must not run beside it.
    reservations
        Fixed addresses in its DHCP.

    Raises
    ------
    SpecError
        If there is nothing to make: forward mode ``bridge`` uses what the host has.
    """
    if spec.forward == "bridge":
        raise SpecError(
            f"network {spec.name!r}: nothing is made by hand, bridge {spec.bridge_name!r} exists already",
            hint="see explain_network for what libvirt is told",
        )
    commands = [*_bridge(spec), *_forwarding(spec)]
    if rules := _ruleset(spec):
        commands.append(
            Command(("nft", "--file", "-"), "Say what may pass, and translate addresses", stdin=rules)
            if spec.forward == "nat"
            else Command(("nft", "--file", "-"), "Say what may pass", stdin=rules)
        )
    if spec.subnets:
        commands.append(Command(_dnsmasq(spec, reservations), "Serve addresses and names"))
    return Explanation(f"Network {spec.name} by hand", tuple(commands))


def _bridge(spec: NetworkSpec) -> Iterator[Command]:
    bridge = spec.bridge_name
    stp = "1" if spec.stp else "0"
    add = ("ip", "link", "add", "name", bridge, "type", "bridge", "forward_delay", "0", "stp_state", stp)
    yield Command(add, "Make a bridge: a switch in the kernel")
    if spec.mtu is not None:
        yield Command(("ip", "link", "set", "dev", bridge, "mtu", str(spec.mtu)), "Set its MTU")
    if spec.subnet6 is None:
        setting = f"net/ipv6/conf/{bridge}/disable_ipv6=1"
        yield Command(("sysctl", "--write", setting), "The host has no IPv6 in this network")
    for subnet in spec.subnets:
        address = f"{subnet[1]}/{subnet.prefixlen}"
        broadcast = ("broadcast", "+") if subnet.version == 4 else ()
        argv = ("ip", "address", "add", address, *broadcast, "dev", bridge)
        yield Command(argv, "Give the host its address in the network")
    yield Command(("ip", "link", "set", "dev", bridge, "up"), "Switch it on")


def _forwarding(spec: NetworkSpec) -> Iterator[Command]:
    if spec.forward is None:
        return
    for subnet in spec.subnets:
        setting = "net.ipv4.ip_forward=1" if subnet.version == 4 else "net.ipv6.conf.all.forwarding=1"
        yield Command(("sysctl", "--write", setting), f"The host becomes a router for IPv{subnet.version}")


def _ruleset(spec: NetworkSpec) -> str:
    if spec.forward == "open":
        return ""
    if not spec.subnets:
        return _table("ip", spec, None)
    return "".join(_table("ip" if s.version == 4 else "ip6", spec, s) for s in spec.subnets)


def _table(family: str, spec: NetworkSpec, subnet: IPv4Network | IPv6Network | None) -> str:
    """Return the rules of one family, as libvirt sets them (libvirt, "Firewall and network filtering")."""
    bridge = f'"{spec.bridge_name}"'
    rules = [f"iifname {bridge} oifname {bridge} accept"]
    if spec.forward is not None:
        state = "ct state established,related " if spec.forward == "nat" else ""
        rules.append(f"oifname {bridge} {family} daddr {subnet} {state}accept")
        rules.append(f"iifname {bridge} {family} saddr {subnet} accept")
    rules += [f"oifname {bridge} reject", f"iifname {bridge} reject"]
    chains = _chain("forward", "type filter hook forward priority filter; policy accept;", rules)
    if spec.forward == "nat":
        groups = "{ 224.0.0.0/24, 255.255.255.255 }" if family == "ip" else "ff02::/16"
        nat = [
            f"{family} saddr {subnet} {family} daddr {groups} return",
            f"{family} saddr {subnet} {family} daddr != {subnet} masquerade",
        ]
        chains += _chain("postrouting", "type nat hook postrouting priority srcnat;", nat)
    return f"table {family} network-{spec.name} {{\n{chains}}}\n"


def _chain(name: str, hook: str, rules: Sequence[str]) -> str:
    lines = "".join(f"    {line}\n" for line in (hook, *rules))
    return f"  chain {name} {{\n{lines}  }}\n"


def _dnsmasq(spec: NetworkSpec, reservations: Sequence[Reservation]) -> tuple[str, ...]:
    domain = spec.domain or spec.name
    argv = [
        *("dnsmasq", "--conf-file=/dev/null", "--strict-order", "--bind-dynamic"),
        *("--except-interface=lo", f"--interface={spec.bridge_name}"),
        *(f"--domain={domain}", f"--local=/{domain}/", "--expand-hosts"),
        f"--pid-file=/run/dnsmasq-{spec.name}.pid",
    ]
    if spec.ipv4 is not None and spec.dhcp_range is not None:
        first, last = spec.dhcp_range
        argv += [
            f"--dhcp-range={first},{last},{spec.ipv4.netmask}",
            *("--dhcp-no-override", "--dhcp-authoritative", "--no-ping"),
            f"--dhcp-lease-max={int(last) - int(first) + 1}",
            f"--dhcp-leasefile=/run/dnsmasq-{spec.name}.leases",
        ]
        argv += [f"--dhcp-host={host.mac},{host.address},{host.name}" for host in reservations]
    if spec.subnet6 is not None:
        argv += ["--enable-ra", f"--dhcp-range={IPv6Network(spec.subnet6)[1]},ra-only"]
    return tuple(argv)
