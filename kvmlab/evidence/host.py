"""What the kernel of a host of a lab is set to: forwarding, filters of source addresses, base chains."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvmlab._run import Runner
from kvmlab.errors import HostError

#: Settings below /proc/sys/net: those of IP (the kernel's ip-sysctl), and of br_netfilter, which a
#: kernel may lack (libvirt, "Networking": "Bridge networking").
_ASK = "cd /proc/sys/net && grep -s '' ipv4/ip_forward ipv4/conf/*/rp_filter bridge/bridge-nf-call-iptables"


@dataclass(frozen=True, slots=True)
class BaseChain:
    """A chain that packets enter by a hook (nft(8), "Chains").

    Attributes
    ----------
    family, table, name
        Where it is.
    hook
        ``prerouting``, ``input``, ``forward``, ``output`` or ``postrouting``.
    policy
        What becomes of a packet that no rule decides on: ``accept`` or ``drop``.
    """

    family: str
    table: str
    name: str
    hook: str
    policy: str


@dataclass(frozen=True, slots=True)
class HostView:
    """Settings of a host's kernel.

    Attributes
    ----------
    forwards
        Whether it forwards IPv4 (``net.ipv4.ip_forward``).
    filters_bridged
        Whether bridged IPv4 frames go through the rules for forwarded packets
        (``net.bridge.bridge-nf-call-iptables``); None where the kernel has no br_netfilter.
    rp_filter
        Check of source addresses by link, and for ``all``: 0 for none, 1 strict, 2 loose.
    chains
        Base chains of all tables.
    """

    forwards: bool
    filters_bridged: bool | None
    rp_filter: Mapping[str, int]
    chains: tuple[BaseChain, ...]

    def strictness(self, link: str) -> int:
        """Return the check that counts for a link: the higher one of its own and that of all (ip-sysctl)."""
        return max(self.rp_filter.get("all", 0), self.rp_filter.get(link, 0))

    def dropping(self, hook: str) -> tuple[BaseChain, ...]:
        """Return the chains at a hook whose policy is to drop, of IPv4."""
        return tuple(
            chain
            for chain in self.chains
            if chain.hook == hook and chain.policy == "drop" and chain.family in ("ip", "inet")
        )


def read_host(host: Runner) -> HostView:
    """Read the settings of a host.

    Parameters
    ----------
    host
        Runs ``nft`` and a shell on it.

    Raises
    ------
    HostError
        If what it says cannot be read.
    CommandError
        If a program fails.
    """
    listed = host.run(["sh", "-c", _ASK], check=False).stdout.splitlines()
    said = host.run(["nft", "-j", "list", "chains"]).stdout
    try:
        settings = dict(line.split(":", 1) for line in listed)
        rows = json.loads(said)["nftables"]
        filters = settings.get("bridge/bridge-nf-call-iptables")
        return HostView(
            forwards=settings["ipv4/ip_forward"] == "1",
            filters_bridged=None if filters is None else filters == "1",
            rp_filter={path.split("/")[2]: int(value) for path, value in settings.items() if "/rp_" in path},
            chains=tuple(_chain(row["chain"]) for row in rows if row.get("chain", {}).get("hook")),
        )
    except (ValueError, KeyError) as error:
        raise HostError(f"the settings of {host.name} cannot be read: {error}") from error


def _chain(row: Mapping[str, Any]) -> BaseChain:
    return BaseChain(row["family"], row["table"], row["name"], row["hook"], row.get("policy", "accept"))
