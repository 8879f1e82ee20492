"""What a lab has to tell about itself, so that its topology can be read."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from kvmlab.host.firewall import Rule
from kvmlab.host.links import NetworkState
from kvmlab.topology import GuestNic


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

    def guest_nics(self) -> Sequence[GuestNic]:
        """Return the NICs of all guests: by domain, and in the order of the domain's XML."""
        ...

    def networks(self) -> Sequence[NetworkView]:
        """Return the libvirt networks."""
        ...

    def firewall_rules(self) -> Sequence[Rule]:
        """Return the firewall rules of the KVM host."""
        ...
