"""The host's part with netplan: one YAML file, which netplan turns into networkd's or NetworkManager's."""

from collections.abc import Iterator
from typing import Any

import yaml

from kvmlab.commands import Command
from kvmlab.exporting.plan import FORWARDING_FILE, HostLink, HostPlan, forwarding_text
from kvmlab.exporting.recipe import Recipe

FILE = "/etc/netplan/60-vm-networks.yaml"
#: Kinds of links that netplan knows, and its word for each (netplan-yaml(5)).
_KINDS = {"nic": "ethernets", "bridge": "bridges", "vlan": "vlans"}


def recipe(plan: HostPlan) -> Recipe:
    """Return the file; its words are those of netplan-yaml(5).

    Parameters
    ----------
    plan
        What the host needs.
    """
    known = tuple(link for link in plan.links if link.kind in _KINDS)
    files, commands = {}, []
    if known:
        files[FILE] = _yaml(plan, known)
        commands += [
            Command(("chmod", "600", FILE), "For root only: such a file may hold passwords of networks"),
            Command(("netplan", "apply"), "Read the file and follow it"),
        ]
    if plan.forwarding:
        files[FORWARDING_FILE] = forwarding_text(plan)
        commands.append(Command(("sysctl", "--load", FORWARDING_FILE), "The host becomes a router"))
    return Recipe(tool="netplan", files=files, commands=tuple(commands), remarks=tuple(_remarks(plan)))


def _yaml(plan: HostPlan, known: tuple[HostLink, ...]) -> str:
    network: dict[str, Any] = {"version": 2}
    for kind, word in _KINDS.items():
        own = {link.name: _definition(plan, link) for link in known if link.kind == kind}
        if own:
            network[word] = own
    return str(yaml.safe_dump({"network": network}, sort_keys=False, default_flow_style=False))


def _definition(plan: HostPlan, link: HostLink) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if link.kind == "bridge":
        ports = plan.ports(link.name)
        found["interfaces"] = [port.name for port in ports if port.kind in _KINDS]
        delay = {"forward-delay": link.forward_delay_s} if link.stp else {}
        found["parameters"] = {"stp": link.stp, **delay}
        if not ports:  # it has a carrier only when a guest runs, and the boot shall not wait for that
            found |= {"optional": True, "ignore-carrier": True}
    elif link.kind == "vlan":
        found |= {"id": link.vlan_id, "link": link.lower}
    if link.has_unusual_mtu:
        found["mtu"] = link.mtu
    return {**found, **_addressing(link)}


def _addressing(link: HostLink) -> dict[str, Any]:
    own = link.addressing
    if link.master:
        return {"dhcp4": False, "dhcp6": False, "accept-ra": False, "link-local": []}
    found: dict[str, Any] = {"dhcp4": own.dhcp}
    if own.addresses:
        found["addresses"] = list(own.addresses)
    routes: list[dict[str, str]] = [{"to": "default", "via": gateway} for gateway in own.gateways]
    for route in own.routes:
        way = {"via": route.gateway} if route.gateway else {"scope": "link"}
        routes.append({"to": route.destination, **way})
    if routes:
        found["routes"] = routes
    return found | {"accept-ra": own.accept_ra, "link-local": ["ipv6"] if own.ipv6 else []}


def _remarks(plan: HostPlan) -> Iterator[str]:
    for link in plan.links:
        if link.kind not in _KINDS:
            yield f"netplan has no word for a {link.kind}: {link.name} takes one of the other tools."
        if link.isolated:
            yield f"netplan has no word for an isolated port: bridge link set dev {link.name} isolated on."
        if link.vlan_filtering:
            yield f"netplan has no word for VLAN filtering: {link.name} takes one of the other tools."
    if plan.forwarding:
        yield "netplan has no word for forwarding: hence sysctl.d."
    if plan.glued:
        yield (
            "netplan has no word for macvlans and taps. Use libvirt's <interface type='direct'>, or iproute2."
        )
