"""A point of a packet's way."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hop:
    """A point of the way.

    Attributes
    ----------
    number
        In the order of the way; the picture shows it, too.
    offset_us
        Microseconds since the packet was first seen outside of a guest; None
        inside of a guest, whose clock is another.
    host, link, direction
        Where it was seen.
    source, destination
        Addresses in it at this point: translation shows as a change.
    what
        ``echo request``, ``echo reply``, ``SYN`` and so on; a rule's verdict.
    """

    number: int
    offset_us: float | None
    host: str
    link: str
    direction: str
    source: str
    destination: str
    what: str
