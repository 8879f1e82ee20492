"""Read captures: where one marked packet, its translations and its answers were seen.

Captures are made with ``tcpdump -i any``, whose link type names the interface
of each packet (LINKTYPE_LINUX_SLL2, https://www.tcpdump.org/linktypes.html).
"""

import io
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dpkt

from kvmlab.errors import MeasurementError

#: Direction of a packet on its interface (``sll_pkttype``, packet(7)).
_DIRECTIONS = {0: "in", 1: "in", 2: "in", 3: "in", 4: "out"}
_SLL2 = 276
#: What a hop is called where only the MAC address was asked for.
ARP_QUESTION = "ARP: who has it?"
#: What comes back, and reports of a packet's fate.
REPLIES, REPORTS = ("echo reply", "SYN, ACK", "RST, ACK"), ("unreachable", "time exceeded")
ANSWERS = (*REPLIES, *REPORTS)
_ICMP = {0: "echo reply", 3: "unreachable", 8: "echo request", 11: "time exceeded"}
_ICMP6 = {1: "unreachable", 3: "time exceeded", 128: "echo request", 129: "echo reply"}
_FLAGS = ((dpkt.tcp.TH_SYN, "SYN"), (dpkt.tcp.TH_RST, "RST"), (dpkt.tcp.TH_ACK, "ACK"))


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells one packet from all others, also after its addresses were translated.

    Attributes
    ----------
    protocol
        ``icmp`` or ``tcp``.
    payload
        Bytes in an echo request; the answer, and a report of its fate, carry them, too.
    port
        TCP source port of the connection attempt.
    address
        Whom it is for: where nobody knows the MAC address, only the question
        for it (ARP, RFC 826) is sent.
    asker
        Whose question that is; empty for anybody's.
    """

    protocol: str
    payload: bytes = b""
    port: int = 0
    address: str = ""
    asker: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet on an interface.

    Attributes
    ----------
    time_s
        Seconds since 1970, of the clock of the machine that captured.
    link, direction
        Interface, and ``in`` or ``out`` of the host at it.
    source, destination
        Addresses in the packet at this point.
    what
        ``echo request``, ``SYN``, ``unreachable`` and so on.
    """

    time_s: float
    link: str
    direction: str
    source: str
    destination: str
    what: str


def sightings(capture: bytes, links: Mapping[int, str], mark: Mark) -> list[Sighting]:
    """Return where a marked packet was seen, in the order of the capture.

    Parameters
    ----------
    capture
        A pcap file.
    links
        Names of the interfaces by their index.
    mark
        What to look for.

    Raises
    ------
    MeasurementError
        If it is no capture of all interfaces.
    """
    try:
        reader = dpkt.pcap.Reader(io.BytesIO(capture))
    except (ValueError, dpkt.Error) as error:
        raise MeasurementError(f"this is no capture: {error}") from error
    if reader.datalink() != _SLL2:
        raise MeasurementError(f"link type {reader.datalink()} does not name interfaces", hint="use -i any")
    return list(_found(reader, links, mark))


def _found(reader: Any, links: Mapping[int, str], mark: Mark) -> Iterator[Sighting]:
    for time_s, data in reader:
        frame = dpkt.sll2.SLL2(data)
        packet = frame.data
        if isinstance(packet, dpkt.arp.ARP):
            source, destination, what = _address(packet.spa), _address(packet.tpa), _asked(packet, mark)
        elif isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
            source, destination, what = _address(packet.src), _address(packet.dst), _what(packet, data, mark)
        else:
            continue
        if what:
            link = links.get(frame.intindex, f"if{frame.intindex}")
            direction = _DIRECTIONS.get(frame.type, "in")
            yield Sighting(float(time_s), link, direction, source, destination, what)


def _asked(packet: Any, mark: Mark) -> str:
    is_question = packet.op == dpkt.arp.ARP_OP_REQUEST and _address(packet.tpa) == mark.address
    return ARP_QUESTION if is_question and mark.asker in ("", _address(packet.spa)) else ""


def _what(packet: Any, data: bytes, mark: Mark) -> str:
    inner = packet.data
    if mark.protocol == "icmp":
        if mark.payload not in data:
            return ""
        kinds = _ICMP6 if isinstance(packet, dpkt.ip6.IP6) else _ICMP
        return kinds.get(getattr(inner, "type", -1), "")
    if isinstance(inner, dpkt.tcp.TCP) and mark.port in (inner.sport, inner.dport):
        names = [name for flag, name in _FLAGS if inner.flags & flag]
        return "" if names == ["ACK"] else ", ".join(names)  # what follows the handshake is not asked for
    if isinstance(inner, dpkt.icmp.ICMP | dpkt.icmp6.ICMP6) and mark.port.to_bytes(2, "big") in data[-40:]:
        kinds = _ICMP6 if isinstance(inner, dpkt.icmp6.ICMP6) else _ICMP
        return kinds.get(inner.type, "")
    return ""


def _address(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
