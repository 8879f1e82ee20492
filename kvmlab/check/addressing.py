"""Addresses of guests and hosts, their gateways and their names."""

from collections import Counter
from ipaddress import IPv4Network, ip_interface

from kvmlab.check.judgement import (
    Seen,
    ask_guest,
    check_host,
    find_domain,
    find_link,
    judge,
)
from kvmlab.check.result import CheckResult
from kvmlab.errors import SpecError
from kvmlab.lab import Lab

#: Asks each name server once, for 3 s (resolv.conf(5)).
_RESOLVE = ("env", "RES_OPTIONS=timeout:3 attempts:1", "getent", "ahostsv4")
#: Status of getent(1) for a name that was not found.
_NOT_FOUND = 2


def has_address(lab: Lab, domain: str, subnet: str) -> CheckResult:
    """Check that a guest has an IPv4 address in a subnet, with the subnet's own prefix length.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Name of the domain.
    subnet
        In CIDR notation.
    """
    wanted = _subnet(subnet)

    def look() -> Seen:
        held = [address.cidr for link in ask_guest(lab, domain).links for address in link.addresses]
        holds = any(ip_interface(cidr).network == wanted for cidr in held)
        return Seen(holds, ", ".join(held) or "no IPv4 address")

    return judge(
        f"{domain} has an address in {wanted}",
        look,
        expected=f"an IPv4 address with its subnet {wanted}",
        hint=f"in the guest: `ip address`; is {domain} plugged into a network that serves {wanted}?",
    )


def _subnet(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise SpecError(f"{text!r} is no IPv4 subnet: {error}", hint="such as '192.168.50.0/24'") from error


def host_has_address(lab: Lab, link: str, address: str, *, host: str = "host") -> CheckResult:
    """Check that a link of a host carries an address.

    Parameters
    ----------
    lab
        A running lab.
    link
        Name of the link.
    address
        With prefix length.
    host
        Host of the lab.
    """
    check_host(host)

    def look() -> Seen:
        state = lab.network_state([host])[host]
        find_link(state, link, host=host)
        held = [a.cidr for a in state.addresses_of(link) if a.scope == "global"]
        return Seen(address in held, ", ".join(held) or "no address")

    return judge(
        f"{link} of {host} has the address {address}",
        look,
        expected=address,
        hint=f"`ip address show dev {link}`",
    )


def has_gateway(lab: Lab, domain: str, gateway: str) -> CheckResult:
    """Check which next hop a guest's default route has."""

    def look() -> Seen:
        found = ask_guest(lab, domain).gateway
        return Seen(found == gateway, found or "no default route")

    return judge(
        f"the gateway of {domain} is {gateway}",
        look,
        expected=gateway,
        hint="in the guest: `ip route`; DHCP gives the gateway, too",
    )


def addresses_are_unique(lab: Lab, *domains: str) -> CheckResult:
    """Check that no two guests have the same MAC or IPv4 address, as the guests themselves tell it.

    Parameters
    ----------
    lab
        A running lab.
    domains
        At least two names of domains.
    """
    if len(set(domains)) < 2:
        raise SpecError("one guest alone has no address twice", hint="name two domains or more")

    def look() -> Seen:
        held: Counter[str] = Counter()
        for domain in domains:
            for link in ask_guest(lab, domain).links:
                held.update([link.mac, *(str(address.interface.ip) for address in link.addresses)])
        twice = [address for address, count in held.items() if count > 1]
        return Seen(not twice, f"twice: {', '.join(twice)}" if twice else ", ".join(held))

    names = ", ".join(domains)
    return judge(
        f"{names} have addresses of their own",
        look,
        expected="each MAC and IPv4 address once",
        hint="compare `ip -brief link` and `ip -brief address` in the guests with `virsh domiflist`",
    )


def resolves(lab: Lab, domain: str, name: str) -> CheckResult:
    """Check that a guest finds the address of a name."""

    def look() -> Seen:
        guest = find_domain(lab, domain)
        done = guest.run([*_RESOLVE, name], check=False)
        if done.returncode not in (0, _NOT_FOUND):
            done.check()
        found = sorted({line.split()[0] for line in done.stdout.splitlines()})
        return Seen(bool(found), ", ".join(found) or "nobody knows this name")

    return judge(
        f"{domain} finds the address of {name}",
        look,
        expected="an IPv4 address",
        hint="in the guest: `cat /etc/resolv.conf`; does the server named there answer?",
    )
