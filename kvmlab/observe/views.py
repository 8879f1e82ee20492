"""What a lab has to tell about itself, so that its topology can be read."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol, TypeAlias

from kvmlab.host.firewall import RuleSet
from kvmlab.host.links import NetworkState
from kvmlab.topology import GuestNic

Subnet: TypeAlias = IPv4Network | IPv6Network


class NetworkView(Protocol):
    """What is needed of a libvirt network; :class:`kvmlab.virt.network.Network` has it."""

    @property
    def name(self) -> str:
        """Name of the network."""
        ...

    @property
    def bridge(self) -> str:
        """Name of its bridge."""
        ...

    @property
    def forward(self) -> str:
        """Forward mode; empty for an isolated network."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether it is started."""
        ...

    @property
    def subnets(self) -> Sequence[Subnet]:
        """Subnets that the host has an address in through its bridge."""
        ...

    @property
    def dhcp_subnet(self) -> IPv4Network | None:
        """The IPv4 subnet in which it gives out addresses; None without DHCP."""
        ...


class DomainView(Protocol):
    """What is needed of a domain; :class:`kvmlab.virt.domain.Domain` has it."""

    @property
    def name(self) -> str:
        """Name of the domain."""
        ...

    @property
    def state(self) -> str:
        """Its state in libvirt's words."""
        ...


class Observable(Protocol):
    """What a lab has to tell to be drawn; :class:`kvmlab.lab.Lab` does."""

    @property
    def name(self) -> str:
        """Name of the lab."""
        ...

    @property
    def accelerator(self) -> str:
        """What guests run on: ``kvm`` or ``tcg``."""
        ...

    def network_state(self) -> Mapping[str, NetworkState]:
        """Return the network state of each host of the world, by its name."""
        ...

    def domains(self) -> Sequence[DomainView]:
        """Return the domains, by name."""
        ...

    def guest_nics(self) -> Sequence[GuestNic]:
        """Return the NICs of all guests: by domain, and in the order of the domain's XML."""
        ...

    def networks(self) -> Sequence[NetworkView]:
        """Return the libvirt networks."""
        ...

    def firewall_rules(self) -> RuleSet:
        """Return the firewall rules of the KVM host."""
        ...
