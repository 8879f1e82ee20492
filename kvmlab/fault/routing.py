"""Faults of the host as a router: forwarding, its rules, the way back."""

from kvmlab.commands import Command
from kvmlab.evidence.definition import DefinedNic
from kvmlab.evidence.scene import Scene
from kvmlab.fault.fault import Fault, Recipe, Target
from kvmlab.fault.symptom import Symptom
from kvmlab.fault.target import addressed, known_nic, on_host, targets_of
from kvmlab.host import world

_ROUTED = ("nat", "route", "open")
#: A free address for the host's second card in the LAN, outside of the router's DHCP range.
_SECOND_ADDRESS = "192.168.1.11"
#: The chains that Docker makes in the filter table (Docker, "Packet filtering and firewalls").
_CONTAINER_CHAIN = "DOCKER-USER"


def _behind(scene: Scene, *modes: str) -> list[DefinedNic]:
    """Return addressed NICs in active networks with one of these forward modes."""
    found = []
    for nic in addressed(scene):
        network = scene.network(nic)
        if network and network.facts.is_active and network.facts.forward in modes:
            found.append(nic)
    return found


def _no_way_out(nic: DefinedNic) -> Symptom:
    complaint = f"{nic.domain} reaches its gateway, but neither the LAN nor the internet."
    return Symptom(complaint=complaint, source=nic.domain, target=world.WEB_ADDRESS)


def _forward_recipe(scene: Scene, target: Target) -> Recipe:
    return Recipe(
        breaks=(on_host("sysctl", "--write", "net.ipv4.ip_forward=0"),),
        mends=(on_host("sysctl", "--write", "net.ipv4.ip_forward=1"),),
        symptom=_no_way_out(known_nic(scene, target)),
    )


ip_forward_off = Fault(
    name="ip-forward-off",
    about="The host does not forward packets: net.ipv4.ip_forward is 0.",
    difficulty="easy",
    needs="a guest in a NAT, routed or open network, on a host that forwards",
    targets=lambda scene: targets_of(_behind(scene, *_ROUTED)) if scene.settings.forwards else [],
    recipe=_forward_recipe,
    is_there=lambda scene, _target: not scene.settings.forwards,
)


def _unprotected(scene: Scene) -> list[Target]:
    """Return NICs whose packets no rule of libvirt's accepts in the chain that gets the policy.

    With iptables libvirt's own rules stand in that chain and accept first;
    with nftables they stand in a table of their own, and a packet must be
    accepted in every one (nft(8), "Verdict statements").
    """
    if scene.settings.dropping("forward"):
        return []
    own_table = any(rule.table == "libvirt_network" for rule in scene.rules)
    bridged = {card.master for card in scene.cards() if card.master}
    if scene.settings.filters_bridged and any(nic.bridge in bridged for nic in addressed(scene)):
        return []  # there it would be br-netfilter
    return targets_of(_behind(scene, *(_ROUTED if own_table else ("open",))))


def _policy_recipe(scene: Scene, target: Target) -> Recipe:
    return Recipe(
        breaks=(
            on_host("iptables", "--new-chain", _CONTAINER_CHAIN),
            on_host("iptables", "--append", _CONTAINER_CHAIN, "--jump", "RETURN"),
            on_host("iptables", "--insert", "FORWARD", "--jump", _CONTAINER_CHAIN),
            on_host("iptables", "--policy", "FORWARD", "DROP"),
        ),
        mends=(
            on_host("iptables", "--policy", "FORWARD", "ACCEPT"),
            on_host("iptables", "--delete", "FORWARD", "--jump", _CONTAINER_CHAIN),
            on_host("iptables", "--flush", _CONTAINER_CHAIN),
            on_host("iptables", "--delete-chain", _CONTAINER_CHAIN),
        ),
        symptom=_no_way_out(known_nic(scene, target)),
    )


forward_policy_drop = Fault(
    name="forward-policy-drop",
    about="A container engine set the policy of FORWARD to DROP, and no rule accepts the guest's packets.",
    difficulty="medium",
    needs="a guest in an open network (with libvirt on nftables also a NAT or routed one)",
    targets=_unprotected,
    recipe=_policy_recipe,
    is_there=lambda scene, _target: bool(scene.settings.dropping("forward")),
)

_TABLES = ("filter", "nat", "mangle")


def _flush_targets(scene: Scene) -> list[Target]:
    return targets_of(_behind(scene, "nat")) if any(rule.by_libvirt for rule in scene.rules) else []


def _flush_recipe(scene: Scene, target: Target) -> Recipe:
    """Flush what the firewall of the host holds, as a script does that begins anew."""
    own_table = any(rule.table == "libvirt_network" for rule in scene.rules)
    kept = "/run/rules.before"
    breaks: list[Command]
    if own_table:
        breaks = [
            on_host("sh", "-c", f"nft list table ip libvirt_network >{kept}"),
            on_host("nft", "flush", "table", "ip", "libvirt_network"),
        ]
        mends = [on_host("nft", "-f", kept)]
    else:
        breaks = [on_host("iptables-save", "-f", kept)]
        breaks += [on_host("iptables", "--table", table, "--flush") for table in _TABLES]
        mends = [on_host("iptables-restore", kept)]
    nic = known_nic(scene, target)
    return Recipe(tuple(breaks), (*mends, on_host("rm", "-f", kept)), _no_way_out(nic))


def _masquerades(scene: Scene) -> bool:
    return any(rule.by_libvirt and rule.verdict == "masquerade" for rule in scene.rules)


rules_flushed = Fault(
    name="rules-flushed",
    about="libvirt's firewall rules were flushed: guests behind NAT leave the host untranslated.",
    difficulty="medium",
    needs="a guest in a NAT network",
    targets=_flush_targets,
    recipe=_flush_recipe,
    is_there=lambda scene, _target: not _masquerades(scene),
)


def _asymmetric(scene: Scene) -> list[Target]:
    """Return NICs whose subnet the LAN's router knows, on a host with a second, unused card."""
    used = {card.name for card in scene.uplinks()}
    spare = [card.name for card in scene.cards() if card.name not in used and card.has_carrier]
    found: list[Target] = []
    for nic in _behind(scene, "route", "open"):
        network = scene.network(nic)
        subnets = [str(s) for s in network.facts.subnets if s.version == 4] if network else []
        known = [r.destination for r in scene.states["router"].routes if r.gateway == world.HOST_ADDRESS]
        if spare and subnets and subnets[0] in known:
            target = targets_of([nic])[0]
            found.append({**target, "link": spare[0], "subnet": subnets[0]})
    return found


def _asymmetric_recipe(scene: Scene, target: Target) -> Recipe:
    link, subnet = target["link"], target["subnet"]
    address = (f"{_SECOND_ADDRESS}/24", "dev", link)
    before = {one: scene.settings.rp_filter.get(one, 0) for one in ("all", link)}
    strict = [f"net.ipv4.conf.{one}.rp_filter=1" for one in before]
    as_before = [f"net.ipv4.conf.{one}.rp_filter={value}" for one, value in before.items()]
    nic = known_nic(scene, target)
    # the PC has learned from redirects which of the host's addresses is the way (RFC 792)
    forget = on_host("ip", "route", "flush", "cache", where="pc")

    def way(gateway: str) -> Command:
        return on_host("ip", "route", "replace", subnet, "via", gateway, where="router")

    return Recipe(
        breaks=(
            on_host("ip", "address", "add", *address, "noprefixroute"),
            on_host("sysctl", "--write", *strict),
            way(_SECOND_ADDRESS),
            forget,
        ),
        mends=(
            way(world.HOST_ADDRESS),
            forget,
            on_host("sysctl", "--write", *as_before),
            on_host("ip", "address", "delete", *address),
        ),
        symptom=Symptom(
            complaint=f"Since the host has a second cable, nobody answers {nic.domain}.",
            source=nic.domain,
            target=world.WEB_ADDRESS,
        ),
    )


rp_filter = Fault(
    name="rp-filter",
    about="Packets for the guest come in by another card than answers leave by, and the strict check of "
    "source addresses (rp_filter) drops them.",
    difficulty="hard",
    needs="a guest in a routed or open network that the LAN's router knows, and a second card of the host",
    targets=_asymmetric,
    recipe=_asymmetric_recipe,
    is_there=lambda scene, target: (
        scene.settings.strictness(target["link"]) == 1
        and any(r.gateway == _SECOND_ADDRESS for r in scene.states["router"].routes)
    ),
)

FAULTS = (ip_forward_off, forward_policy_drop, rules_flushed, rp_filter)
