"""VLANs by hand: links that tag their frames, and bridges that look at tags."""

from collections.abc import Iterator, Sequence

from kvmlab.commands.command import Command, Explanation
from kvmlab.spec.vlan import DEFAULT_VLAN, PortVlans, VlanSpec


def explain_vlan(spec: VlanSpec, *, where: str = "host") -> Explanation:
    """Return the commands that make a link whose frames carry a tag.

    Parameters
    ----------
    spec
        The link.
    where
        Host of the lab, or name of the guest, that has it.

    Notes
    -----
    ip-link(8), "VLAN Type Support".
    """
    add = ("ip", "link", "add", "link", spec.link, "name", spec.name, "type", "vlan", "id", str(spec.id))
    about = f"A link on {spec.link}: its frames leave with tag {spec.id}, and only such come in"
    commands = [
        Command(add, about, where=where),
        Command(("ip", "link", "set", "dev", spec.name, "up"), "Switch it on", where=where),
    ]
    for address in spec.addresses:
        argv = ["ip", "address", "add", address, "dev", spec.name]
        argv += ["nodad"] if ":" in address else []
        commands.append(Command(tuple(argv), "An address in the VLAN", where=where))
    show = ("ip", "-details", "link", "show", "dev", spec.name)
    commands.append(Command(show, "Show it", where=where))
    return Explanation(f"VLAN {spec.id} on {spec.link}", tuple(commands))


def explain_vlan_end(spec: VlanSpec, *, where: str = "host") -> Explanation:
    """Return the command that takes the link away; its addresses go with it."""
    delete = ("ip", "link", "delete", "dev", spec.name)
    return Explanation(
        f"End of VLAN {spec.id} on {spec.link}", (Command(delete, "Remove the link", where=where),)
    )


def explain_vlan_filter(bridge: str, ports: Sequence[PortVlans], *, where: str = "host") -> Explanation:
    """Return the commands that let a bridge look at tags, and say what its ports may send.

    Parameters
    ----------
    bridge
        The bridge.
    ports
        What becomes of each port; others stay in VLAN 1, without a tag.
    where
        Host of the lab, or name of the guest, that has the bridge.

    Notes
    -----
    ip-link(8), "BRIDGE Type Support"; bridge(8), "bridge vlan".
    """
    switch = ("ip", "link", "set", "dev", bridge, "type", "bridge", "vlan_filtering", "1")
    commands = [Command(switch, f"{bridge} looks at tags from now on", where=where)]
    for port in ports:
        delete = ("bridge", "vlan", "delete", "dev", port.port, "vid", str(DEFAULT_VLAN))
        about = f"{port.port} leaves the VLAN that every port is in at first"
        commands.append(Command(delete, about, where=where))
        commands += _members(port, where)
    commands.append(Command(("bridge", "vlan", "show"), "Show who is in which VLAN", where=where))
    return Explanation(f"VLANs on bridge {bridge}", tuple(commands))


def _members(port: PortVlans, where: str) -> Iterator[Command]:
    if port.untagged is not None:
        yield Command(
            ("bridge", "vlan", "add", "dev", port.port, "vid", str(port.untagged), "pvid", "untagged"),
            f"Frames without a tag are in VLAN {port.untagged}, and leave without one",
            where=where,
        )
    for number in port.tagged:
        yield Command(
            ("bridge", "vlan", "add", "dev", port.port, "vid", str(number)),
            f"Frames of VLAN {number} keep their tag",
            where=where,
        )


def explain_vlan_filter_end(bridge: str, ports: Sequence[PortVlans], *, where: str = "host") -> Explanation:
    """Return the commands that make the bridge pass all tags again, as they are."""
    commands = []
    for port in ports:
        own = ([] if port.untagged is None else [port.untagged]) + list(port.tagged)
        for number in own:
            delete = ("bridge", "vlan", "delete", "dev", port.port, "vid", str(number))
            commands.append(Command(delete, f"{port.port} leaves VLAN {number}", where=where))
        add = ("bridge", "vlan", "add", "dev", port.port, "vid", str(DEFAULT_VLAN), "pvid", "untagged")
        commands.append(Command(add, "and is where every port is at first", where=where))
    switch = ("ip", "link", "set", "dev", bridge, "type", "bridge", "vlan_filtering", "0")
    commands.append(Command(switch, f"{bridge} does not look at tags any more", where=where))
    return Explanation(f"End of VLANs on bridge {bridge}", tuple(commands))
