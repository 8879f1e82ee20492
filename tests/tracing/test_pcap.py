"""Captures made here byte by byte: which packets belong to the marked one."""

import io
import socket
from dataclasses import replace

import dpkt
import pytest

from kvmlab.errors import MeasurementError
from kvmlab.tracing.pcap import ARP_QUESTION, Mark, Sighting, sightings

LINKS = {2: "enp1s0", 5: "vnet0"}
MARK = Mark("icmp", payload=b"markmark", address="192.168.1.20")
GUEST, PC = "192.168.50.5", "192.168.1.20"


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, address)


def ip(source: str, destination: str, protocol: int, data: object) -> dpkt.ip.IP:
    return dpkt.ip.IP(src=packed(source), dst=packed(destination), p=protocol, data=data, len=84)


def echo(kind: int, payload: bytes) -> dpkt.icmp.ICMP:
    return dpkt.icmp.ICMP(type=kind, data=dpkt.icmp.ICMP.Echo(id=1, seq=1, data=payload))


def tcp(flags: int, *, sport: int = 40001, dport: int = 80) -> dpkt.tcp.TCP:
    return dpkt.tcp.TCP(sport=sport, dport=dport, flags=flags)


def capture(*frames: tuple[int, int, object], linktype: int = 276) -> bytes:
    """A capture of frames, each given as link index, kind of packet(7) and content."""
    stream = io.BytesIO()
    writer = dpkt.pcap.Writer(stream, linktype=linktype)
    for number, (index, kind, data) in enumerate(frames):
        ethertype = (
            dpkt.ethernet.ETH_TYPE_ARP if isinstance(data, dpkt.arp.ARP) else dpkt.ethernet.ETH_TYPE_IP
        )
        frame = dpkt.sll2.SLL2(ethtype=ethertype, intindex=index, type=kind, data=bytes(data))  # type: ignore[call-overload]
        writer.writepkt(bytes(frame), ts=float(number))
    return stream.getvalue()


def test_a_marked_request_and_its_answer_are_seen_with_link_and_direction() -> None:
    asked = ip(GUEST, PC, 1, echo(8, b"0123456789abcdef" + b"markmark"))
    answered = ip(PC, GUEST, 1, echo(0, b"0123456789abcdef" + b"markmark"))

    found = sightings(capture((5, 0, asked), (2, 4, answered)), LINKS, MARK)

    assert found == [
        Sighting(0.0, "vnet0", "in", GUEST, PC, "echo request"),
        Sighting(1.0, "enp1s0", "out", PC, GUEST, "echo reply"),
    ]


def test_other_packets_are_left_out() -> None:
    other = ip(GUEST, PC, 1, echo(8, b"0123456789abcdef" + b"somebody"))

    assert sightings(capture((5, 0, other)), LINKS, MARK) == []


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (dpkt.tcp.TH_SYN, ["SYN"]),
        (dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK, ["SYN, ACK"]),
        (dpkt.tcp.TH_RST | dpkt.tcp.TH_ACK, ["RST, ACK"]),
        (dpkt.tcp.TH_ACK, []),
    ],
)
def test_of_a_connection_only_the_handshake_is_followed(flags: int, what: list[str]) -> None:
    found = sightings(capture((5, 0, ip(GUEST, PC, 6, tcp(flags)))), LINKS, Mark("tcp", port=40001))

    assert [sighting.what for sighting in found] == what


def test_a_question_for_the_targets_mac_address_is_seen() -> None:
    asked = dpkt.arp.ARP(op=dpkt.arp.ARP_OP_REQUEST, spa=packed(GUEST), tpa=packed(PC))
    other = dpkt.arp.ARP(op=dpkt.arp.ARP_OP_REQUEST, spa=packed(GUEST), tpa=packed("192.168.1.1"))

    found = sightings(capture((5, 1, asked), (5, 1, other)), LINKS, MARK)

    assert [(sighting.what, sighting.destination) for sighting in found] == [(ARP_QUESTION, PC)]


def test_the_question_of_another_guest_is_left_out() -> None:
    asked = dpkt.arp.ARP(op=dpkt.arp.ARP_OP_REQUEST, spa=packed("192.168.50.6"), tpa=packed(PC))

    assert sightings(capture((5, 1, asked)), LINKS, replace(MARK, asker=GUEST)) == []


def test_a_link_that_is_gone_is_named_by_its_index() -> None:
    asked = ip(GUEST, PC, 1, echo(8, b"markmark"))

    (found,) = sightings(capture((9, 0, asked)), LINKS, MARK)

    assert found.link == "if9"


def test_a_capture_of_one_interface_is_refused() -> None:
    with pytest.raises(MeasurementError, match="does not name interfaces"):
        sightings(capture(linktype=1), LINKS, MARK)


def test_what_is_no_capture_is_refused() -> None:
    with pytest.raises(MeasurementError, match="this is no capture"):
        sightings(b"nothing of the kind, but long enough", LINKS, MARK)
