"""What a NIC can be plugged into beside networks and bridges, and what is refused."""

from collections.abc import Callable

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.source import Direct, Multicast, PciDevice, Tap, TcpSocket, UdpSocket


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: Direct(dev="enp2s0", mode="passthru"), "macvtap mode 'passthru' is unknown", "passthrough"),
        (lambda: Direct(dev="a-very-long-link-name"), "'a-very-long-link-name' is 21 characters", "15"),
        (lambda: Tap(name=""), "tap name '' is not a name that the kernel takes", "letters"),
        (lambda: TcpSocket(port=0), "port 0 is impossible", "1 to 65535"),
        (lambda: TcpSocket(port=7, address="here"), "address 'here' is no IPv4 address", "192.168.50.10"),
        (lambda: Multicast(address="10.0.0.1"), "'10.0.0.1' is no multicast group", "230.0.0.1"),
        (lambda: Multicast(address="all"), "address 'all' is no IPv4 address", "192.168.50.10"),
        (lambda: UdpSocket(local_port=7, remote_port=7), "both ends of the UDP tunnel", "swapped"),
        (lambda: PciDevice(address="03:10.1"), "PCI address '03:10.1' is malformed", "lspci -D"),
    ],
)
def test_bad_input_is_refused_with_object_and_remedy(
    make: Callable[[], object], message: str, hint: str
) -> None:
    with pytest.raises(SpecError) as caught:
        make()

    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_card_of_the_host_has_no_model() -> None:
    xml = InterfaceSpec(source=PciDevice(address="0000:03:10.1")).to_xml()

    assert "<model" not in xml
    assert 'domain="0x0000" bus="0x03" slot="0x10" function="0x1"' in xml
