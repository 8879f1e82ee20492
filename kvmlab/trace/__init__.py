"""Follow one packet through a lab."""

from kvmlab.trace.pcap import Mark, Sighting
from kvmlab.trace.rules import RuleHit
from kvmlab.trace.walk import Hop, Walk, trace

__all__ = ["Hop", "Mark", "RuleHit", "Sighting", "Walk", "trace"]
