"""A port of the host that leads to a guest behind NAT.

Two things are needed: the destination of a packet is changed (DNAT), and
libvirt's rule that refuses new connections to a NAT network is passed by. An
accept in another table does not help: a packet must be accepted in every one
(nft(8), "Verdict statements"). So the accept stands where libvirt's rules are:
before its chains in the ``filter`` table that iptables manages, or, as libvirt
10.4 and newer may write rules itself, in its table ``libvirt_network``.
"""

from ipaddress import IPv4Address
from typing import Literal

from kvmlab.commands.command import Command, Explanation
from kvmlab.errors import SpecError
from kvmlab.spec.forward import PortForward
from kvmlab.spec.network import NetworkSpec

#: What libvirt writes firewall rules with: ``firewall_backend`` in its network.conf.
Backend = Literal["iptables", "nftables"]


def explain_port_forward(network: NetworkSpec, forward: PortForward, *, backend: Backend) -> Explanation:
    """Return the commands that lead a port of the host to a guest.

    Parameters
    ----------
    network
        The guest's network; it runs.
    forward
        What leads where.
    backend
        What libvirt writes its firewall rules with.

    Raises
    ------
    SpecError
        If the guest's address is not in the network's IPv4 subnet.
    """
    _check(network, forward)
    translate = Command(
        ("nft", "--file", "-"),
        f"Send what arrives for port {forward.port} of this host to the guest instead",
        stdin=_translation(network, forward),
    )
    rule = "Let it pass before libvirt refuses it"
    if backend == "nftables":
        words = f"oifname {network.bridge_name} ip daddr {forward.address}".split()
        argv = ("nft", "--echo", "--handle", "insert", "rule", "ip", "libvirt_network", "guest_input", *words)
        accept = Command((*argv, forward.protocol, "dport", str(forward.guest_port), "accept"), rule)
        look: tuple[str, ...] = ("nft", "list", "chain", "ip", "libvirt_network", "guest_input")
    else:
        accept = Command(("iptables", "--insert", *_iptables_rule(network, forward)), rule)
        look = ("iptables", "--list-rules", "FORWARD")
    return Explanation(_title(forward), (translate, accept, Command(look, "Show that it comes first")))


def explain_port_forward_end(
    network: NetworkSpec, forward: PortForward, *, backend: Backend, handle: int | None = None
) -> Explanation:
    """Return the commands that take a port forward back.

    Parameters
    ----------
    network, forward, backend
        As for :func:`explain_port_forward`.
    handle
        Number of the accepting rule, which ``nft`` printed when it was
        inserted; needed with ``nftables``.

    Raises
    ------
    SpecError
        If the guest's address is not in the network's IPv4 subnet, or the handle is missing.
    """
    _check(network, forward)
    delete_table = Command(("nft", "delete", "table", "ip", forward.table), "Translate no more")
    if backend == "iptables":
        argv: tuple[str, ...] = ("iptables", "--delete", *_iptables_rule(network, forward))
    elif handle is not None:
        argv = ("nft", "delete", "rule", "ip", "libvirt_network", "guest_input", "handle", str(handle))
    else:
        raise SpecError(
            f"the rule for port {forward.port} is found by its handle only",
            hint="see `nft --handle list chain ip libvirt_network guest_input`",
        )
    return Explanation(
        f"End of: {_title(forward)}", (delete_table, Command(argv, "Let libvirt refuse again"))
    )


def _title(forward: PortForward) -> str:
    there = f"{forward.address} port {forward.guest_port}"
    return f"{forward.protocol.upper()} port {forward.port} of the host leads to {there}"


def _check(network: NetworkSpec, forward: PortForward) -> None:
    if network.ipv4 is None or IPv4Address(forward.address) not in network.ipv4:
        raise SpecError(
            f"address {forward.address} is not in network {network.name!r} ({network.subnet})",
            hint="give the guest's address in that network",
        )


def _translation(network: NetworkSpec, forward: PortForward) -> str:
    to = f"{forward.protocol} dport {forward.port} dnat to {forward.address}:{forward.guest_port}"
    return f"""\
table ip {forward.table} {{
  chain prerouting {{
    type nat hook prerouting priority dstnat;
    iifname != "{network.bridge_name}" fib daddr type local {to}
  }}
  chain output {{
    type nat hook output priority -100;
    ip daddr != 127.0.0.0/8 fib daddr type local {to}
  }}
}}
"""


def _iptables_rule(network: NetworkSpec, forward: PortForward) -> tuple[str, ...]:
    return (
        *("FORWARD", "--out-interface", network.bridge_name, "--destination", forward.address),
        *("--protocol", forward.protocol, "--dport", str(forward.guest_port), "--jump", "ACCEPT"),
    )
