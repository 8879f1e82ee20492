"""A port of the host that leads to a guest."""

from dataclasses import dataclass
from typing import Literal

from kvmlab.spec import _checks


@dataclass(frozen=True, slots=True, kw_only=True)
class PortForward:
    """A port of the host that leads to a guest.

    Parameters
    ----------
    port
        Port of the host, 1 to 65535.
    address
        IPv4 address of the guest.
    guest_port
        Port of the guest, 1 to 65535.
    protocol
        ``tcp`` or ``udp``.

    Raises
    ------
    SpecError
        If something is malformed.
    """

    port: int
    address: str
    guest_port: int
    protocol: Literal["tcp", "udp"] = "tcp"

    def __post_init__(self) -> None:
        _checks.check_port(self.port)
        _checks.check_port(self.guest_port)
        _checks.check_transport(self.protocol)
        _checks.check_ipv4(self.address)

    @property
    def table(self) -> str:
        """Name of its nftables table."""
        return f"forward-{self.protocol}-{self.port}"
