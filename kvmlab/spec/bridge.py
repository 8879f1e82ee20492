"""A bridge of the host itself, with one of its links as uplink."""

from dataclasses import dataclass

from kvmlab.errors import SpecError
from kvmlab.spec import _checks

#: Seconds that the kernel takes (ip-link(8), ``forward_delay``: 2 to 30); 0 is taken without STP only.
FORWARD_DELAY_LIMIT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """A Linux bridge of the host.

    Parameters
    ----------
    name
        Name of the bridge.
    uplink
        Link of the host that becomes its port, and whose addresses and routes
        move to the bridge; None for a bridge without uplink.
    stp
        Whether it speaks the spanning tree protocol.
    forward_delay_s
        Whole seconds in each of the states listening and learning, 2 to 30 with
        STP; 0 without.

    Raises
    ------
    SpecError
        If something is malformed.

    Examples
    --------
    >>> BridgeSpec(name="br0", uplink="enp1s0").stp
    False
    """

    name: str
    uplink: str | None = None
    stp: bool = False
    forward_delay_s: int = 0

    def __post_init__(self) -> None:
        hint = f"a link has at most {_checks.LINK_NAME_LIMIT} characters"
        _checks.check_link_name("bridge name", self.name, hint=hint)
        if self.uplink is not None:
            _checks.check_link_name("uplink", self.uplink, hint=hint)
        if self.uplink == self.name:
            raise SpecError(f"bridge {self.name!r} cannot be its own uplink", hint="name a link of the host")
        least = 2 if self.stp else 0
        if not least <= self.forward_delay_s <= FORWARD_DELAY_LIMIT_S:
            raise SpecError(
                f"bridge {self.name!r}: a forward delay of {self.forward_delay_s} s is impossible",
                hint=f"from {least} to {FORWARD_DELAY_LIMIT_S} s{' with STP' if self.stp else ''}",
            )
