"""What is expected of libvirt networks: what their definitions and forward modes promise.

Sources: libvirt, formatnetwork, "Connectivity", and firewall.html, "The virtual
network driver": NAT lets out what a subnet sends and in what answers it, route
lets all pass both ways, an isolated network lets nothing pass, open has no rules.
"""

from collections.abc import Iterator

from kvmlab.observe.routing import Passing, nat_of, passing, uplink_of
from kvmlab.observe.seen import Seen, SeenNetwork
from kvmlab.observe.world import on_host
from kvmlab.topology import Finding

#: Verdicts that a forward mode promises on what goes out, on what begins inside, on answers.
_PROMISED = {
    "nat": ("accept", "refused", "accept"),
    "route": ("accept", "accept", "accept"),
    "": ("refused", "refused", "refused"),
}
_WHAT = ("out", "in", "answers in")


def about_networks(seen: Seen) -> Iterator[Finding]:
    """Yield what is not as expected about the libvirt networks."""
    for network in seen.networks:
        if not network.bridge:
            continue
        if not network.is_active:
            yield from _about_inactive(network, seen)
        elif seen.host.link(network.bridge) is None:
            yield Finding(on_host(network.bridge), f"bridge {network.bridge}", f"{network.bridge} is gone")
        elif network.forward != "bridge":
            yield from _about_active(network, seen)


def _about_inactive(network: SeenNetwork, seen: Seen) -> Iterator[Finding]:
    guests = sorted({nic.domain for nic in seen.nics if nic.network == network.name})
    if guests:
        expected = f"network {network.name} active for {', '.join(guests)}"
        yield Finding(on_host(network.bridge), expected, "network inactive")


def _about_active(network: SeenNetwork, seen: Seen) -> Iterator[Finding]:
    there = seen.subnets_at(network.bridge)
    for subnet in network.subnets:
        if subnet not in there:
            yield Finding(on_host(network.bridge), f"an address in {subnet}", "no address in it")
    lacking = network.forward == "nat" and not seen.nats_at(network.bridge)
    if lacking:
        own = ", ".join(str(subnet) for subnet in network.subnets if subnet.version == 4)
        yield Finding(nat_of(network.bridge), f"masquerade {own}".strip(), "no NAT rule")
    found = passing(seen, network.bridge)
    if found:
        target = (
            nat_of(network.bridge) if network.forward == "nat" else on_host(uplink_of(seen, network.bridge))
        )
        edge = f"{on_host(network.bridge)} -- {target}"
        told = dict.fromkeys(wrong for one in found for wrong in _broken(network.forward, one))
        yield from (Finding(edge, *wrong) for wrong in told)


def _broken(mode: str, actual: Passing) -> Iterator[tuple[str, str]]:
    """Yield expected and actual where a mode's promise is not kept."""
    promised = _PROMISED.get(mode)
    # libvirt translates and routes IPv6 only where its definition has it; IPv4 stands for both
    if promised is None or actual.subnet.version != 4:
        return
    if not actual.is_forwarded:
        if promised[0] == "accept":
            yield "ip_forward 1", "ip_forward 0"
        return
    verdicts = (actual.out, actual.new, actual.answers)
    for what, wanted, verdict, why in zip(_WHAT, promised, verdicts, actual.reasons, strict=True):
        if (wanted == "accept") is not (verdict == "accept"):
            yield f"{what}: {wanted}", f"{what}: {verdict}{f' ({why})' if why else ''}"
