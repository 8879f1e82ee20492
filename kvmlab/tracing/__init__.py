"""Follow one packet through a lab."""

from kvmlab.tracing.hop import Hop
from kvmlab.tracing.pcap import Mark, Sighting
from kvmlab.tracing.rules import RuleHit
from kvmlab.tracing.walk import Walk, trace

__all__ = ["Hop", "Mark", "RuleHit", "Sighting", "Walk", "trace"]
