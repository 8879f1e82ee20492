"""Read the tables of a network namespace with pyroute2; the data is in :mod:`kvmlab.host.links`."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError as Pyroute2Error

from kvmlab.errors import NetlinkError
from kvmlab.host import kernel
from kvmlab.host.links import Address, FdbEntry, Link, Neighbor, NetworkState, Peer, Route

# Numbers of the kernel's interface: linux/if.h, if_arp.h, rtnetlink.h,
# if_addr.h, if_bridge.h, if_tun.h, neighbour.h.
_IFF_UP = 0x1
_ARPHRD_LOOPBACK = 772
_MAIN_TABLE = 254
_RTM_F_CLONED = 0x200
_IFA_F_DADFAILED, _IFA_F_TENTATIVE, _IFA_F_PERMANENT = 0x08, 0x40, 0x80
_NUD_PERMANENT = 0x80
_PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
_VLAN_WORDS = {0x2: "PVID", 0x4: "Egress Untagged"}
_TUN_TYPES = {1: "tun", 2: "tap"}
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_ROUTE_KINDS = {1: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}
_PROTOCOLS = {2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp"}
_FAMILIES = {2: 4, 10: 6}
#: States of a neighbour. NOARP (multicast) and NONE are left out, as ``ip neighbour`` does.
_NEIGHBOR_STATES = {
    0x01: "incomplete",
    0x02: "reachable",
    0x04: "stale",
    0x08: "delay",
    0x10: "probe",
    0x20: "failed",
    _NUD_PERMANENT: "permanent",
}
#: Whether the namespace of whoever reads it is a router, by version of IP.
_FORWARDING = {
    4: Path("/proc/sys/net/ipv4/ip_forward"),
    6: Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}
#: Where filters for incoming frames hang (TC_H_INGRESS, linux/pkt_sched.h).
_INGRESS = 0xFFFF0000
#: Unit of the timers of a bridge: hundredths of a second (USER_HZ).
_USER_HZ = 100


def read(netns_name: str | None) -> NetworkState:
    """Read all tables of a namespace; see :func:`kvmlab.host.links.read_state`."""
    where = "this network namespace" if netns_name is None else f"network namespace {netns_name!r}"
    try:
        with _opened(netns_name) as (ipr, forwards):
            return replace(_read(ipr, netns_name or ""), forwards=forwards)
    except FileNotFoundError as error:
        raise NetlinkError(f"there is no {where}", hint="see `ip netns list`") from error
    except (OSError, Pyroute2Error) as error:
        raise NetlinkError(f"cannot read {where}: {error}") from error


@contextlib.contextmanager
def _opened(netns_name: str | None) -> Iterator[tuple[IPRoute, tuple[int, ...]]]:
    """Open a netlink socket in a namespace, and look at what netlink does not tell: what it forwards.

    The calling thread is back in its own namespace after that.

    A socket stays in the namespace where it was made (network_namespaces(7)).
    pyroute2's own ``IPRoute(netns=…)`` forks to the same end, which takes
    10 ms and a child that PID 1 of a lab would reap.
    """
    if netns_name is None:
        with IPRoute() as ipr:
            yield ipr, _forwards()
        return
    with kernel.inside_netns(kernel.NETNS_DIR / netns_name):
        ipr, forwards = IPRoute(), _forwards()
    with ipr:
        yield ipr, forwards


def _forwards() -> tuple[int, ...]:
    """Return the versions of IP that the calling thread's namespace forwards (the kernel's ip-sysctl)."""
    return tuple(version for version, path in _FORWARDING.items() if path.is_file() and _is_on(path))


def _is_on(path: Path) -> bool:
    return path.read_text(encoding="ascii").strip() != "0"


def _read(ipr: IPRoute, own_name: str) -> NetworkState:
    dump = list(ipr.link("dump"))
    names = {message["index"]: message.get("IFLA_IFNAME") for message in dump}
    namespaces: dict[int | None, str] = {None: own_name, **_namespaces(ipr, dump)}
    neighbors = [n for m in ipr.neigh("dump") if (n := neighbor(m, names)) is not None]
    links = [_redirected(link(message, names, namespaces), ipr, names) for message in dump]
    return NetworkState(
        links=tuple(_with_vlans(links, ipr)),
        addresses=tuple(address(message, names) for message in ipr.addr("dump")),
        routes=tuple(r for message in ipr.route("dump") for r in routes(message, names)),
        neighbors=tuple(neighbors),
        fdb=tuple(fdb_entry(m, names) for m in ipr.fdb("dump") if m.get("NDA_MASTER")),
    )


def _redirected(found: Link, ipr: IPRoute, names: Mapping[int, str]) -> Link:
    """Add where a filter sends what comes in; only taps and macvlans are looked at."""
    if found.kind not in ("tap", "macvlan"):
        return found
    for message in ipr.get_filters(index=found.index, parent=_INGRESS):
        options = message.get("TCA_OPTIONS")
        actions = options.get("TCA_U32_ACT") if options else None
        for _, action in actions["attrs"] if actions else ():
            parameters = action.get("TCA_ACT_OPTIONS")
            mirred = parameters.get("TCA_MIRRED_PARMS") if parameters else None
            if mirred:
                return replace(found, redirect=names.get(mirred["ifindex"], ""))
    return found


def _with_vlans(links: list[Link], ipr: IPRoute) -> list[Link]:
    """Add the VLANs of ports of bridges that look at tags; other kernels and bridges are not asked."""
    bridges = {found.name for found in links if found.vlan_filtering}
    if not bridges:
        return links
    known = dict(vlans(message) for message in ipr.get_vlans())
    return [replace(k, vlans=known.get(k.index, ())) if k.master in bridges else k for k in links]


def vlans(message: Any) -> tuple[int, tuple[str, ...]]:
    """Return index and VLANs of a port from an RTM_NEWLINK message of family AF_BRIDGE."""
    found = message.get("IFLA_AF_SPEC")
    rows = [value for name, value in found["attrs"] if name == "IFLA_BRIDGE_VLAN_INFO"] if found else []
    return message["index"], tuple(_vlan(row["vid"], row["flags"]) for row in rows)


def _vlan(vlan_id: int, flags: int) -> str:
    """Describe a VLAN of a port as bridge(8) does."""
    return " ".join([str(vlan_id), *(word for flag, word in _VLAN_WORDS.items() if flags & flag)])


def _namespaces(ipr: IPRoute, dump: list[Any]) -> dict[int | None, str]:
    """Return the names of the namespaces that veth peers are in, by the ids they have here.

    An id holds in one namespace only (RTM_GETNSID, ip-netns(8) ``list-id``).
    """
    wanted = {message.get("IFLA_LINK_NETNSID") for message in dump} - {None}
    if not wanted:
        return {}
    directory = kernel.NETNS_DIR
    named = {path.name: path for path in directory.iterdir()} if directory.is_dir() else {}
    found = {}
    for name, path in {"": kernel.OWN_NETNS, **named}.items():
        # A plain file is left where a namespace was being made or removed.
        with contextlib.suppress(OSError, Pyroute2Error), kernel.open_netns(path) as fd:
            found[ipr.get_netnsid(fd=fd)["nsid"]] = name
    return {number: name for number, name in found.items() if number in wanted}


def link(message: Any, names: Mapping[int, str], namespaces: Mapping[int | None, str]) -> Link:
    """Build a link from an RTM_NEWLINK message.

    Parameters
    ----------
    message
        As pyroute2 decodes it.
    names
        Names of all links of the namespace, by index.
    namespaces
        Names of namespaces by the id that they have here; None is this one.
    """
    info = message.get("IFLA_LINKINFO")
    data = info.get("IFLA_INFO_DATA") if info else None
    is_port = bool(info) and info.get("IFLA_INFO_SLAVE_KIND") == "bridge"
    kind = _kind(message, info, data)
    below = message.get("IFLA_LINK")
    is_veth = kind == "veth" and below is not None
    number = message.get("IFLA_LINK_NETNSID")
    return Link(
        index=message["index"],
        name=message.get("IFLA_IFNAME"),
        kind=kind,
        mac=message.get("IFLA_ADDRESS") or "",
        mtu=message.get("IFLA_MTU") or 0,
        state=str(message.get("IFLA_OPERSTATE") or "unknown").lower(),
        is_up=bool(message["flags"] & _IFF_UP),
        has_carrier=bool(message.get("IFLA_CARRIER")),
        master=names.get(message.get("IFLA_MASTER") or 0, ""),
        lower="" if is_veth or number is not None else names.get(below or 0, ""),
        peer=Peer(below, namespaces.get(number)) if is_veth else None,
        **(_port_fields(info.get("IFLA_INFO_SLAVE_DATA")) if is_port else {}),
        **(_kind_fields(kind, data) if data else {}),
    )


def _kind(message: Any, info: Any, data: Any) -> str:
    kind = info.get("IFLA_INFO_KIND") if info else None
    if kind is None:
        return "loopback" if message["ifi_type"] == _ARPHRD_LOOPBACK else "physical"
    if kind == "tun":
        return _TUN_TYPES.get(data.get("IFLA_TUN_TYPE") if data else 0, "tun")
    return str(kind)


def _port_fields(port: Any) -> dict[str, Any]:
    return {
        "port_state": _PORT_STATES[port.get("IFLA_BRPORT_STATE")],
        "is_isolated": bool(port.get("IFLA_BRPORT_ISOLATED")),
    }


def _kind_fields(kind: str, data: Any) -> dict[str, Any]:
    if kind == "bridge":
        return {
            "stp": bool(data.get("IFLA_BR_STP_STATE")),
            "forward_delay_s": data.get("IFLA_BR_FORWARD_DELAY") / _USER_HZ,
            "vlan_filtering": bool(data.get("IFLA_BR_VLAN_FILTERING")),
        }
    if kind in ("macvlan", "macvtap"):
        return {"mode": data.get(f"IFLA_{kind.upper()}_MODE") or ""}
    return {"vlan_id": data.get("IFLA_VLAN_ID")} if kind == "vlan" else {}


def address(message: Any, names: Mapping[int, str]) -> Address:
    """Build an address from an RTM_NEWADDR message."""
    # IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is always ours.
    flags = message.get("IFA_FLAGS") or message["flags"]
    return Address(
        link=names.get(message["index"], ""),
        address=message.get("IFA_LOCAL") or message.get("IFA_ADDRESS"),
        prefix_length=message["prefixlen"],
        scope=_SCOPES.get(message["scope"], str(message["scope"])),
        is_dynamic=not flags & _IFA_F_PERMANENT,
        is_tentative=bool(flags & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED)),
    )


def routes(message: Any, names: Mapping[int, str]) -> Iterator[Route]:
    """Build the routes of an RTM_NEWROUTE message: one per next hop, none outside the main table.

    What the kernel learned about one destination (a redirect, a path MTU) is no route
    (rtnetlink(7), RTM_F_CLONED); ``ip route`` shows it only when asked for the cache.
    """
    if (message.get("RTA_TABLE") or message["table"]) != _MAIN_TABLE or message["family"] not in _FAMILIES:
        return
    if message["flags"] & _RTM_F_CLONED:
        return
    target, length = message.get("RTA_DST"), message["dst_len"]
    for hop in message.get("RTA_MULTIPATH") or [message]:
        index = hop["oif"] if hop is not message else message.get("RTA_OIF")
        via = hop.get("RTA_GATEWAY") or (hop.get("RTA_VIA") or {}).get("addr")
        yield Route(
            family=_FAMILIES[message["family"]],
            destination=f"{target}/{length}" if target else "default",
            gateway=via or "",
            link=names.get(index or 0, ""),
            source=message.get("RTA_PREFSRC") or "",
            protocol=_PROTOCOLS.get(message["proto"], str(message["proto"])),
            kind=_ROUTE_KINDS.get(message["type"], str(message["type"])),
            metric=message.get("RTA_PRIORITY") or 0,
        )


def neighbor(message: Any, names: Mapping[int, str]) -> Neighbor | None:
    """Build a neighbour from an RTM_NEWNEIGH message; None for entries that nobody resolves."""
    state = _NEIGHBOR_STATES.get(message["state"])
    if state is None:
        return None
    return Neighbor(
        address=message.get("NDA_DST"),
        mac=message.get("NDA_LLADDR") or "",
        link=names.get(message["ifindex"], ""),
        state=state,
    )


def fdb_entry(message: Any, names: Mapping[int, str]) -> FdbEntry:
    """Build a forwarding entry from an RTM_NEWNEIGH message of family AF_BRIDGE."""
    return FdbEntry(
        mac=message.get("NDA_LLADDR"),
        bridge=names.get(message.get("NDA_MASTER"), ""),
        port=names.get(message["ifindex"], ""),
        is_permanent=bool(message["state"] & _NUD_PERMANENT),
        vlan_id=message.get("NDA_VLAN"),
    )
