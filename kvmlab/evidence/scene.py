"""All that a lab's network is known by at one moment, read once and looked at often."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kvmlab.errors import KvmlabError
from kvmlab.evidence.definition import DefinedNetwork, DefinedNic, read_networks, read_nics
from kvmlab.evidence.guest import GuestLink, GuestView, read_guest
from kvmlab.evidence.host import HostView, read_host
from kvmlab.host import world
from kvmlab.host.firewall import Rule
from kvmlab.host.links import Link, NetworkState
from kvmlab.lab import Lab

#: Links that an administrator or a program made; all others stand for cards of the host.
_MADE = frozenset({"bridge", "tap", "tun", "loopback", "macvlan", "macvtap", "vlan", "dummy", "bond"})
#: Guests that are asked at the same time.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Scene:
    """A lab as libvirt, the kernels of its hosts and its guests describe it.

    Attributes
    ----------
    nics, networks
        What libvirt was told.
    states
        Links, addresses and routes of each host of the lab, by its name.
    settings, rules
        Settings and firewall rules of the KVM host.
    guests
        What the running guests say, by name of the domain.
    silent
        Why others do not answer, by name of the domain.
    daemons
        State of each daemon of the lab, by name.
    """

    nics: tuple[DefinedNic, ...]
    networks: tuple[DefinedNetwork, ...]
    states: Mapping[str, NetworkState]
    settings: HostView
    rules: tuple[Rule, ...]
    guests: Mapping[str, GuestView]
    silent: Mapping[str, str]
    daemons: Mapping[str, str]

    @property
    def host(self) -> NetworkState:
        """Links, addresses and routes of the KVM host."""
        return self.states["host"]

    @property
    def running(self) -> tuple[DefinedNic, ...]:
        """NICs of the domains that run."""
        return tuple(nic for nic in self.nics if nic.is_running)

    def on_bridge(self, bridge: str) -> tuple[DefinedNic, ...]:
        """Return the running NICs that belong to a bridge."""
        return tuple(nic for nic in self.running if nic.bridge == bridge)

    def network(self, nic: DefinedNic) -> DefinedNetwork | None:
        """Return the libvirt network that a NIC is plugged into; None for none."""
        return next((network for network in self.networks if network.name == nic.network), None)

    def link(self, nic: DefinedNic) -> GuestLink | None:
        """Return the guest's own link of a NIC, also where the guest changed its MAC address.

        None if it has none, or if it is not known which of several it is.
        """
        view = self.guests.get(nic.domain)
        if view is None:
            return None
        own = [other.mac for other in self.nics if other.domain == nic.domain]
        others = [link for link in view.links if link.driver and link.mac not in own]
        known = view.link(nic.mac)
        missing = [mac for mac in own if view.link(mac) is None]
        return known or (others[0] if len(others) == 1 and missing == [nic.mac] else None)

    def addresses(self, nic: DefinedNic) -> tuple[str, ...]:
        """Return the IPv4 addresses of a NIC with prefix length, as the guest tells them."""
        link = self.link(nic)
        return tuple(address.cidr for address in link.addresses) if link else ()

    def address(self, nic: DefinedNic) -> str:
        """Return the first IPv4 address of a NIC without prefix length; empty for none."""
        return next((cidr.split("/")[0] for cidr in self.addresses(nic)), "")

    def cards(self) -> tuple[Link, ...]:
        """Return the links of the KVM host that stand for its network cards."""
        return tuple(link for link in self.host.links if link.kind not in _MADE)

    def uplinks(self) -> tuple[Link, ...]:
        """Return the cards that something depends on: an address, a bridge, a macvlan, a guest."""
        lower = {link.lower for link in self.host.links} | {nic.dev for nic in self.running}
        held = {address.link for address in self.host.addresses if address.scope == "global"}
        return tuple(card for card in self.cards() if card.master or card.name in lower | held)


def read_scene(lab: Lab) -> Scene:
    """Read all that is known of a lab's network.

    Parameters
    ----------
    lab
        A running lab.

    Raises
    ------
    LabError
        If it does not run.
    KvmlabError
        If its host does not answer; guests that do not are named in the scene.
    """
    nics = read_nics(lab)
    domains = list(dict.fromkeys(nic.domain for nic in nics if nic.is_running))
    guests: dict[str, GuestView] = {}
    silent: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        asked = {domain: pool.submit(read_guest, lab.domain(domain)) for domain in domains}
        states = lab.network_state(world.HOSTS)
        settings, rules = read_host(lab.host), tuple(lab.firewall_rules())
        for domain, view in asked.items():
            try:
                guests[domain] = view.result()
            except KvmlabError as error:
                silent[domain] = str(error).splitlines()[0]
    daemons = {daemon.name: daemon.state for daemon in lab.daemons()}
    return Scene(nics, read_networks(lab), states, settings, rules, guests, silent, daemons)
