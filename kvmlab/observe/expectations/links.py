"""What is expected of links: up, with a carrier, ports that forward, addresses where they work."""

from collections.abc import Iterator

from kvmlab.host.links import Link, NetworkState
from kvmlab.observe.seen import UPLINK_KINDS, Seen
from kvmlab.observe.world import configured, link_state, on_host, spanned
from kvmlab.topology import Finding


def about_links(seen: Seen) -> Iterator[Finding]:
    """Yield what is not as expected about the host's links, and about the cables of the LAN."""
    cabled = {cable.near.name for cable in spanned(seen.states) if cable.near_host == "host"}
    used = {nic.tap for nic in seen.nics if nic.state == "running"}
    for link in seen.host.links:
        # a tap that nobody opened, and what is on a cable's end, is told elsewhere or not at all
        if link.name in cabled or (link.kind == "tap" and link.name not in used):
            pass
        elif link.kind != "loopback" and (wrong := _dead(link)):
            yield Finding(on_host(link.name), "up", wrong)
        if link.master:
            yield from _about_port(link, seen.host)
    for cable in spanned(seen.states):
        if cable.trouble:
            yield Finding(cable.edge, "up", cable.trouble)


def _dead(link: Link) -> str:
    """Return why a link carries nothing; empty if it does, or if the link below it does not."""
    if not link.is_up:
        return "set down"
    # a bridge without ports has no carrier, which is no fault
    is_dead = link_state(link) == "down" and link.kind != "bridge" and link.state != "lowerlayerdown"
    return "no carrier" if is_dead else ""


def _about_port(link: Link, host: NetworkState) -> Iterator[Finding]:
    """Yield what is wrong about a port of a bridge.

    A port takes all frames that come in for its bridge: an address of its own
    gets no answers (net/bridge/br_input.c, ``br_handle_frame``).
    """
    ends = on_host(link.name), on_host(link.master)
    edge = " -- ".join(ends if link.kind == "tap" else ends[::-1])
    if link.port_state != "forwarding" and link_state(link) == "up":
        yield Finding(edge, "port state forwarding", f"port state {link.port_state}")
    stranded = configured(host, link.name)
    if stranded and link.kind in UPLINK_KINDS:
        yield Finding(on_host(link.name), f"its address on {link.master}", f"{stranded[0]} on the port")
