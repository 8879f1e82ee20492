"""Checks of a lab: plain functions that look at its state, never at what a notebook holds.

Each one returns a :class:`~kvmlab.check.result.CheckResult` with one of three
outcomes: passed, failed, or error if it could not be made. They ask libvirt,
netlink, nftables and the guest agents, or send packets of their own.
"""

from kvmlab.check.addressing import (
    addresses_are_unique,
    has_address,
    has_gateway,
    host_has_address,
    resolves,
)
from kvmlab.check.bridging import is_port, network_autostarts, network_is_active, ports_are_isolated
from kvmlab.check.dhcp import has_lan_lease, has_lease, serves_dhcp
from kvmlab.check.filtering import has_filter, spoofing_is_stopped
from kvmlab.check.forwarding import forwards, knows_route
from kvmlab.check.mtu import carries, has_mtu
from kvmlab.check.nat import answers, seen_as
from kvmlab.check.nic import has_driver, has_model
from kvmlab.check.reachability import is_blocked, reaches
from kvmlab.check.result import CheckResult, Outcome, Report
from kvmlab.check.throughput import is_faster, throughput_is_between

__all__ = [
    "CheckResult",
    "Outcome",
    "Report",
    "addresses_are_unique",
    "answers",
    "carries",
    "forwards",
    "has_address",
    "has_driver",
    "has_filter",
    "has_gateway",
    "has_lan_lease",
    "has_lease",
    "has_model",
    "has_mtu",
    "host_has_address",
    "is_blocked",
    "is_faster",
    "is_port",
    "knows_route",
    "network_autostarts",
    "network_is_active",
    "ports_are_isolated",
    "reaches",
    "resolves",
    "seen_as",
    "serves_dhcp",
    "spoofing_is_stopped",
    "throughput_is_between",
]
