"""What should be, beside what is: each difference once, at the place where it shows.

What should be follows from libvirt's definitions, and from what the lab's LAN
offers; see the modules for what each expectation stands on.
"""

from collections.abc import Iterator

from kvmlab.observe.expectations.guests import about_guests
from kvmlab.observe.expectations.links import about_links
from kvmlab.observe.expectations.networks import about_networks
from kvmlab.observe.seen import Seen
from kvmlab.topology import Finding

__all__ = ["findings"]


def findings(seen: Seen) -> Iterator[Finding]:
    """Yield what is not as expected, from the guests outward."""
    yield from about_guests(seen)
    yield from about_links(seen)
    yield from about_networks(seen)
