"""Who serves addresses, and who got one."""

from ipaddress import IPv4Address

from kvmlab.check.judgement import Missing, Seen, ask_guest, find_domain, find_network, judge
from kvmlab.check.result import CheckResult
from kvmlab.evidence.definition import read_network
from kvmlab.host import world
from kvmlab.lab import Lab
from kvmlab.virt import domain_xml


def serves_dhcp(lab: Lab, network: str) -> CheckResult:
    """Check that a libvirt network gives out addresses: it says so, and its dnsmasq runs."""

    def look() -> Seen:
        found = read_network(find_network(lab, network))
        if not found.ranges:
            raise Missing("it has no range of addresses to give out")
        name = f"dnsmasq of network {network}"
        state = next((daemon.state for daemon in lab.daemons() if daemon.name == name), "not there")
        first, last = found.ranges[0]
        return Seen(state == "running", f"{first} to {last}; dnsmasq is {state}")

    return judge(
        f"network {network} serves DHCP",
        look,
        expected="a range of addresses, and a dnsmasq that runs",
        hint=f"`virsh net-dumpxml {network}` shows the range; `kvmlab status` the daemons",
    )


def has_lease(lab: Lab, domain: str, network: str) -> CheckResult:
    """Check that a guest uses the address that a libvirt network leased to it."""

    def look() -> Seen:
        macs = domain_xml.interface_macs(find_domain(lab, domain).xml())
        leased = [lease.address for lease in find_network(lab, network).leases() if lease.mac in macs]
        held = [a.cidr for link in ask_guest(lab, domain).links for a in link.addresses]
        text = f"leased: {', '.join(leased) or 'nothing'}; used: {', '.join(held) or 'nothing'}"
        return Seen(bool(set(leased) & set(held)), text)

    return judge(
        f"{domain} uses its lease from network {network}",
        look,
        expected="an address that was leased and is used",
        hint=f"`virsh net-dhcp-leases {network}`, and in the guest `ip address`",
    )


def has_lan_lease(lab: Lab, domain: str) -> CheckResult:
    """Check that a guest has an address from the LAN's own DHCP server."""
    first, last = map(IPv4Address, world.LAN_DHCP_RANGE)

    def look() -> Seen:
        held = [a for link in ask_guest(lab, domain).links for a in link.addresses]
        holds = any(a.is_dynamic and first <= a.interface.ip <= last for a in held)
        text = ", ".join(f"{a.cidr} ({'leased' if a.is_dynamic else 'set by hand'})" for a in held)
        return Seen(holds, text or "no IPv4 address")

    return judge(
        f"{domain} has a lease from the LAN's router",
        look,
        expected=f"an address from {first} to {last}, by DHCP",
        hint="is its tap a port of a bridge whose port the uplink is, too? `bridge link`",
    )
