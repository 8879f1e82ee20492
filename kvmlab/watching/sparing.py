"""A lab as a live view looks at it: its guests are asked only when they may have something to tell."""

import time
from collections.abc import Mapping, Sequence

from kvmlab.host.firewall import RuleSet
from kvmlab.host.links import NetworkState
from kvmlab.observe import DomainView, NetworkView, Observable
from kvmlab.topology import GuestNic

#: Seconds between two questions to guests while nothing else changes. Each
#: costs a guest three processes, under emulation some tenths of a second of its CPU.
ASK_EVERY_S = 5.0
#: Seconds after a change of links in which guests may still wait for their addresses.
SETTLE_S = 30.0


class Sparing:
    """Looks at a lab, and remembers what its guests said while nothing around them changed.

    Parameters
    ----------
    lab
        A running lab.
    """

    def __init__(self, lab: Observable) -> None:
        self._lab = lab
        self._around: object = None
        self._nics: Sequence[GuestNic] = ()
        self._asked_at = self._changed_at = float("-inf")

    @property
    def name(self) -> str:
        """Name of the lab."""
        return self._lab.name

    @property
    def accelerator(self) -> str:
        """What guests run on."""
        return self._lab.accelerator

    def domains(self) -> Sequence[DomainView]:
        """Return the domains."""
        return self._lab.domains()

    def networks(self) -> Sequence[NetworkView]:
        """Return the libvirt networks."""
        return self._lab.networks()

    def firewall_rules(self) -> RuleSet:
        """Return the firewall rules of the KVM host."""
        return self._lab.firewall_rules()

    def network_state(self) -> Mapping[str, NetworkState]:
        """Return the network state of each host of the world."""
        return self._lab.network_state()

    def guest_nics(self) -> Sequence[GuestNic]:
        """Return the NICs of all guests: asked now if the host's links changed, else as they said before."""
        around, now = self._lab.network_state()["host"].links, time.monotonic()
        if around != self._around:
            self._around, self._changed_at = around, now
        is_settled = all(map(_is_settled, self._nics)) or now - self._changed_at > SETTLE_S
        if self._changed_at == now or not is_settled or now - self._asked_at > ASK_EVERY_S:
            self._nics, self._asked_at = tuple(self._lab.guest_nics()), now
        return self._nics


def _is_settled(nic: GuestNic) -> bool:
    """Whether a guest has come to rest: it has an address, or it is off."""
    return nic.state != "running" or any("." in address for address in nic.addresses)
