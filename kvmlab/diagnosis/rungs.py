"""The ladder: from a guest's card outward, one question a rung, with the commands that answer it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kvmlab.commands import Command, Explanation
from kvmlab.diagnosis import address, bridge, card, probe, routing
from kvmlab.diagnosis.probe import Answer
from kvmlab.diagnosis.spot import Seen, Spot
from kvmlab.errors import SpecError
from kvmlab.evidence.scene import Scene, read_scene
from kvmlab.host import world
from kvmlab.lab import Lab


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder.

    Attributes
    ----------
    name, question
        What it is about, and what it asks.
    commands
        Returns the commands that answer it, for one NIC.
    look
        Answers it from what is known of the lab.
    judge
        Says what the answers to probes mean for it; None where nothing is tried.
    """

    name: str
    question: str
    commands: Callable[[Spot], list[Command]]
    look: Callable[[Spot], Seen]
    judge: Callable[[Spot, Mapping[str, Answer]], Seen | None] | None = None


def _guest(spot: Spot, comment: str, *argv: str) -> Command:
    return Command(argv, comment, where=spot.nic.domain)


def _link(spot: Spot) -> list[Command]:
    nic = spot.nic
    found = [
        Command(("virsh", "domiflist", nic.domain), "Which cards, plugged into what, with which tap"),
        Command(("virsh", "domif-getlink", nic.domain, nic.mac), "Is the cable plugged in"),
    ]
    if nic.tap:
        found.append(Command(("ip", "link", "show", "dev", nic.tap), "Is the tap up"))
    return found


def _driver(spot: Spot) -> list[Command]:
    return [
        _guest(spot, "Which card, and which driver is bound to it", "lspci", "-nnk"),
        _guest(spot, "Is there a link, and is it up", "ip", "-brief", "link", "show"),
        _guest(spot, "Is a driver forbidden", "grep", "-r", "", "/etc/modprobe.d"),
    ]


def _address(spot: Spot) -> list[Command]:
    found = [
        _guest(spot, "Which addresses, with which prefix", "ip", "-brief", "-4", "address", "show"),
        _guest(spot, "Where does the default route lead", "ip", "route", "show"),
    ]
    if spot.network and spot.network.ranges and spot.network.facts.is_active:
        found.append(Command(("virsh", "net-dhcp-leases", spot.network.name), "Who got which address"))
        line = ("pgrep", "--list-full", "--full", f"dnsmasq.*/{spot.network.name}.conf")
        found.append(Command(line, "Does its dnsmasq run"))
    return found


def _neighbour(spot: Spot) -> list[Command]:
    found = [_guest(spot, "Which MAC address does the guest use", "ip", "-brief", "link", "show")]
    if spot.near:
        found.append(_guest(spot, "Does the nearest one answer", "ping", "-n", "-c", "2", spot.near))
    found.append(_guest(spot, "Whose MAC addresses does it know", "ip", "neighbour", "show"))
    if spot.addresses and not spot.is_apart:
        argv = ("arping", "-D", "-c", "1", "-w", "1", "-I", spot.link_name, str(spot.addresses[0].ip))
        found.append(
            _guest(spot, "Does another machine answer for the guest's address (0: none does)", *argv)
        )
    return found


def _bridge(spot: Spot) -> list[Command]:
    nic = spot.nic
    found = []
    if nic.network:
        found.append(Command(("virsh", "net-list", "--all"), "Is the network active"))
    if nic.tap and nic.bridge:
        show = ("bridge", "-details", "link", "show", "dev", nic.tap)
        found.append(Command(show, "Which bridge, which state, isolated or not"))
        found.append(Command(("bridge", "fdb", "show", "br", nic.bridge), "Which MAC address at which port"))
        found.append(Command(("ip", "link", "show", "master", nic.bridge), "All ports, and their MTU"))
    if spot.macvlan:
        found.append(
            Command(("ip", "-details", "link", "show", "dev", spot.macvlan.name), "Which link is below")
        )
    for one in spot.cards:
        found.append(Command(("ip", "address", "show", "dev", one.name), "Is the uplink up, with a carrier"))
    return found or [Command(("virsh", "domiflist", nic.domain), "No bridge: what is it plugged into")]


def _forwarding(spot: Spot) -> list[Command]:
    if not spot.is_routed:
        return []
    return [
        Command(("sysctl", "net.ipv4.ip_forward"), "Does the host forward"),
        Command(("ip", "-4", "route", "show"), "Has it a way out itself"),
        Command(("iptables", "--list-rules", "FORWARD"), "What may pass, and what if no rule says"),
        Command(("nft", "list", "ruleset"), "Rules of others"),
    ]


def _nat(spot: Spot) -> list[Command]:
    if spot.forward != "nat":
        return []
    save = ("iptables-save", "-c", "-t", "nat")
    return [Command(save, "Is the subnet translated, how often was it, and where do forwarded ports lead")]


def _route_back(spot: Spot) -> list[Command]:
    found = []
    if spot.is_routed or spot.is_in_lan:
        found.append(
            Command(("ip", "-4", "route", "show"), "Does the router know the subnet", where="router")
        )
    if spot.forward in ("route", "open"):
        found.append(Command(("sysctl", "-a", "--pattern", "rp_filter"), "Is the source of packets checked"))
    if spot.reaches_out:
        size = str(1500 - 28)
        found.append(_guest(spot, "The internet", "ping", "-n", "-c", "2", world.WEB_ADDRESS))
        if not spot.is_apart:
            large = ("ping", "-n", "-c", "2", "-M", "do", "-s", size, world.WEB_ADDRESS)
            found.append(_guest(spot, "1500 bytes in one piece", *large))
        found.append(_guest(spot, "Whom does it ask for names", "cat", "/etc/resolv.conf"))
        found.append(_guest(spot, "Names", "getent", "ahostsv4", world.WEB_NAME))
    return found


#: From the guest's card outward.
RUNGS = (
    Rung("link", "Is the card plugged in?", _link, card.link),
    Rung("driver", "Has the guest a driver for it?", _driver, card.driver),
    Rung("address", "Has it an address of its own, and a gateway?", _address, address.address),
    Rung("neighbour", "Does the nearest one answer?", _neighbour, address.neighbour, probe.neighbour),
    Rung("bridge", "Do frames get through the host's bridge?", _bridge, bridge.bridge, probe.bridge),
    Rung("forwarding", "Does the host forward?", _forwarding, routing.forwarding, probe.forwarding),
    Rung("NAT", "Are addresses translated as they should?", _nat, routing.nat),
    Rung(
        "route back",
        "Do answers come back, of any size, and names?",
        _route_back,
        routing.route_back,
        probe.route_back,
    ),
)


@dataclass(frozen=True, slots=True, repr=False)
class Ladder:
    """The rungs for one guest, to walk by hand; shows itself as commands.

    Attributes
    ----------
    domain
        Name of the domain.
    rungs
        One explanation for each rung that applies: its question, and the commands that answer it.
    """

    domain: str
    rungs: tuple[Explanation, ...]

    def __repr__(self) -> str:
        return "\n\n\n".join(map(str, self.rungs))

    def _repr_markdown_(self) -> str:
        return "\n\n".join(rung._repr_markdown_() for rung in self.rungs)


def ladder(lab: Lab, domain: str) -> Ladder:
    """Return the ladder of a guest: questions from its card outward, with the commands that answer them.

    Parameters
    ----------
    lab
        A running lab.
    domain
        Name of a domain that runs.

    Raises
    ------
    SpecError
        If no such domain runs, or it has no NIC.
    """
    scene = read_scene(lab)
    spots = spots_of(scene, domain)
    rungs = [
        Explanation(f"{domain}, {rung.name}: {rung.question}", tuple(commands))
        for spot in spots
        for rung in RUNGS
        if (commands := rung.commands(spot))
    ]
    return Ladder(domain, tuple(rungs))


def spots_of(scene: Scene, domain: str | None) -> list[Spot]:
    """Return the NICs of the domains that run, or of one of them.

    Raises
    ------
    SpecError
        If that one does not run, or has no NIC.
    """
    found = [Spot(scene, nic) for nic in scene.running if domain in (None, nic.domain)]
    if domain is not None and not found:
        running = ", ".join(dict.fromkeys(nic.domain for nic in scene.running)) or "none"
        raise SpecError(f"no domain {domain!r} with a NIC runs", hint=f"there run: {running}")
    return found
