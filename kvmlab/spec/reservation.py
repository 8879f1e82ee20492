"""A fixed address in a network's DHCP."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A fixed address in a network's DHCP: ``<host mac= name= ip=>``.

    Parameters
    ----------
    mac
        Who gets it.
    name
        Host name, which the network's DNS answers for; once per network.
    address
        IPv4 address in the network's subnet.
    """

    mac: str
    name: str
    address: str
