"""One NIC of a guest, and all that is known of what it hangs on."""

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Network

from kvmlab.evidence.definition import DefinedNetwork, DefinedNic
from kvmlab.evidence.guest import GuestLink, GuestView
from kvmlab.evidence.scene import Scene
from kvmlab.host import world
from kvmlab.host.links import Link

#: Modes in which the host routes for a guest.
ROUTED = ("nat", "route", "open")
#: Kinds of interface that are no part of the host's network.
_APART = ("user", "mcast", "udp", "server", "client")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen at a rung.

    Attributes
    ----------
    text
        In words.
    cause
        Name of the cause that it is; empty if nothing is wrong here.
    where
        The thing that is to be put right.
    is_symptom
        Whether something is wrong whose cause lies elsewhere.
    """

    text: str
    cause: str = ""
    where: str = ""
    is_symptom: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A NIC in its surroundings.

    Attributes
    ----------
    scene
        All that is known of the lab.
    nic
        The NIC.
    """

    scene: Scene
    nic: DefinedNic

    @property
    def view(self) -> GuestView | None:
        """What its guest says; None if it is silent."""
        return self.scene.guests.get(self.nic.domain)

    @property
    def link(self) -> GuestLink | None:
        """The guest's own link; None if it has none."""
        return self.scene.link(self.nic)

    @property
    def link_name(self) -> str:
        """Name of the guest's link, or what it would usually be."""
        return self.link.name if self.link else f"eth{self.nic.index}"

    @property
    def network(self) -> DefinedNetwork | None:
        """Its libvirt network; None if it is plugged into something else."""
        return self.scene.network(self.nic)

    @property
    def forward(self) -> str:
        """Forward mode of its libvirt network; empty for none."""
        return self.network.facts.forward if self.network else ""

    @property
    def tap(self) -> Link | None:
        """Its tap; None if it has none."""
        return self.scene.host.link(self.nic.tap) if self.nic.tap else None

    @property
    def is_apart(self) -> bool:
        """Whether it is plugged into a process, not into the host's network."""
        return self.nic.kind in _APART

    @property
    def macvlan(self) -> Link | None:
        """The macvlan or macvtap that carries it in direct mode; None in other modes."""
        own = [link for link in self.scene.host.links if link.kind in ("macvlan", "macvtap")]
        names = (self.nic.tap, self.tap.redirect if self.tap else "")
        return next((link for link in own if link.name in names and link.name), None)

    @property
    def cards(self) -> tuple[Link, ...]:
        """Cards of the host on which it depends directly: ports of its bridge, the link below a macvlan."""
        lower = self.macvlan.lower if self.macvlan else self.nic.dev
        return tuple(
            card
            for card in self.scene.cards()
            if (self.nic.bridge and card.master == self.nic.bridge) or (lower and card.name == lower)
        )

    @property
    def is_routed(self) -> bool:
        """Whether the host routes for it."""
        return self.forward in ROUTED

    @property
    def is_in_lan(self) -> bool:
        """Whether it is a station of the LAN."""
        return bool(self.cards)

    @property
    def subnets(self) -> tuple[IPv4Network, ...]:
        """IPv4 subnets that an address of it should be in; none if nobody says."""
        own: list[IPv4Network | IPv6Network] = list(self.network.facts.subnets) if self.network else []
        if self.nic.bridge:
            held = self.scene.host.addresses_of(self.nic.bridge)
            own += [IPv4Interface(a.cidr).network for a in held if "." in a.address and a.scope == "global"]
        if self.is_in_lan:
            own.append(IPv4Network(world.LAN_SUBNET))
        return tuple(dict.fromkeys(subnet for subnet in own if isinstance(subnet, IPv4Network)))

    @property
    def addresses(self) -> tuple[IPv4Interface, ...]:
        """Its IPv4 addresses, as the guest tells them."""
        return tuple(IPv4Interface(cidr) for cidr in self.scene.addresses(self.nic))

    @property
    def upper(self) -> tuple[str, ...]:
        """IPv4 addresses on links above its own, such as VLANs: those have its MAC address."""
        view, own = self.view, self.link
        if view is None or own is None:
            return ()
        above = [link for link in view.links if link != own and link.mac == own.mac and not link.driver]
        return tuple(f"{address.cidr} on {link.name}" for link in above for address in link.addresses)

    @property
    def near(self) -> str:
        """Whom it must reach without a router: its host, or the LAN's router; empty for nobody."""
        if self.is_apart:
            return ""
        if self.is_in_lan:
            return world.ROUTER_ADDRESS
        held = self.scene.host.addresses_of(self.nic.bridge) if self.nic.bridge else ()
        return next((a.address for a in held if "." in a.address and a.scope == "global"), "")

    @property
    def reaches_out(self) -> bool:
        """Whether it must reach LAN and internet."""
        return self.is_routed or self.is_in_lan or self.nic.kind == "user"
