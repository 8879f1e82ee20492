"""What is expected of a running guest's NIC: a driver, a cable, an address where somebody serves them.

Of several things that are wrong the first one is told: the others follow from it.
"""

from collections.abc import Iterator

from kvmlab.host.links import Link
from kvmlab.observe.seen import UPLINK_KINDS, Seen
from kvmlab.observe.world import on_host
from kvmlab.spec.interface import NIC_MODELS
from kvmlab.spec.source import DIRECT_MODES
from kvmlab.topology import Finding, GuestNic


def about_guests(seen: Seen) -> Iterator[Finding]:
    """Yield what is not as expected about the NICs of running guests."""
    for node_id, nic in seen.numbered_nics():
        if nic.state != "running":
            continue
        wrong = next(_about_nic(nic, seen), None)
        if wrong is not None:
            yield Finding(node_id, *wrong)
        yield from _about_attachment(nic, seen)


def _about_nic(nic: GuestNic, seen: Seen) -> Iterator[tuple[str, str]]:
    """Yield expected and actual, the cause before what follows from it."""
    if nic.tap and seen.host.link(nic.tap) is None:
        yield f"tap {nic.tap}", f"{nic.tap} is gone"
    if nic.told_by == "guest":
        if not nic.link:
            known = NIC_MODELS.get(nic.model)
            yield f"driver {known.driver}" if known else "a driver", "no driver"
        elif not nic.is_up:
            yield "up", "set down in the guest"
        elif nic.has_carrier is False:
            yield "carrier", "no carrier"
    server = _server(nic, seen)
    if server and nic.told_by and not _has_ipv4(nic):
        actual = "no lease" if nic.told_by == "leases" else "no address"
        yield f"an IPv4 address from {server}", actual


def _has_ipv4(nic: GuestNic) -> bool:
    """Whether it has an address, or is part of something in the guest that may have one."""
    tagged = (address for vlan in nic.vlans for address in vlan.addresses)
    return bool(nic.master) or any("." in address for address in (*nic.addresses, *tagged))


def _server(nic: GuestNic, seen: Seen) -> str:
    """Return who gives out IPv4 addresses where a NIC is plugged in; empty if nobody does."""
    if nic.kind == "user":
        return f"DHCP of {nic.source}"
    network = seen.network(nic.network)
    if network is not None and network.forward != "bridge":
        return f"DHCP of network {network.name}" if network.is_active and network.dhcp_subnet else ""
    return "DHCP of the LAN" if _is_on_lan(nic, seen) else ""


def _is_on_lan(nic: GuestNic, seen: Seen) -> bool:
    """Whether the way from a tap or macvtap ends at an uplink, by a bridge or by links on links."""
    link = seen.host.link(nic.tap)
    passed: set[str] = set()
    while link is not None and link.name not in passed:
        if link.kind in UPLINK_KINDS:
            return True
        if link.master:
            return seen.leads_out(link.master)
        passed.add(link.name)
        link = seen.host.link(seen.below(link))
    return False


def _about_attachment(nic: GuestNic, seen: Seen) -> Iterator[Finding]:
    tap = seen.host.link(nic.tap)
    if tap is None:
        return
    if nic.bridge:
        yield from _about_port(nic, tap)
    elif nic.kind == "ethernet":
        yield from _about_own_tap(tap, seen)
    elif nic.kind == "direct":
        wanted = (nic.source, DIRECT_MODES.get(nic.mode, nic.mode))
        if (tap.lower, tap.mode) != wanted:
            expected, actual = (f"mode {mode} on {lower}" for lower, mode in (wanted, (tap.lower, tap.mode)))
            yield Finding(on_host(tap.name), expected, actual)


def _about_port(nic: GuestNic, tap: Link) -> Iterator[Finding]:
    """Yield what is wrong about the port of a bridge (ip-link(8), bridge(8))."""
    wanted, other = (f"port of {bridge}" for bridge in (nic.bridge, tap.master))
    if not tap.master:
        yield Finding(f"{on_host(tap.name)} -- {on_host(nic.bridge)}", wanted, "no port of it")
    elif tap.master != nic.bridge:
        yield Finding(f"{on_host(tap.name)} -- {on_host(tap.master)}", wanted, other)
    elif tap.is_isolated is not nic.is_isolated:
        words = ("isolated", "not isolated") if nic.is_isolated else ("not isolated", "isolated")
        yield Finding(f"{on_host(tap.name)} -- {on_host(nic.bridge)}", *words)


def _about_own_tap(tap: Link, seen: Seen) -> Iterator[Finding]:
    """Yield what is wrong about a tap that libvirt leaves as it is: it must lead somewhere, and back."""
    below = seen.host.link(tap.redirect)
    if not tap.master and below is None:
        yield Finding(on_host(tap.name), "a bridge, or a filter to another link", "leads nowhere")
    elif below is not None and below.redirect != tap.name:
        edge = f"{on_host(tap.name)} -- {on_host(below.name)}"
        yield Finding(edge, "frames both ways", "none comes back")
