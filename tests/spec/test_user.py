"""User mode: what each backend has, and what is refused."""

from collections.abc import Callable

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.user import UserForward, UserMode


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: UserMode(backend="slurp"), "user-mode backend 'slurp' is unknown", "slirp, passt"),
        (
            lambda: UserMode(forwards=(UserForward(port=2022, guest_port=22),)),
            "user mode: forwards is not for slirp",
            "forward_user_port()",
        ),
        (lambda: UserMode(address="10.0.2.15/24"), "user mode: address is not for slirp", "subnet"),
        (lambda: UserMode(address6="fd00::2/64"), "user mode: address6 is not for slirp", "subnet6"),
        (
            lambda: UserMode(backend="passt", subnet="10.0.3.0/24"),
            "user mode: subnet is not for passt",
            "see address",
        ),
        (lambda: UserMode(subnet="fd00:3::/64"), "'fd00:3::/64' is no IPv4 subnet", "subnet6"),
        (lambda: UserMode(subnet6="10.0.3.0/24"), "'10.0.3.0/24' is no IPv6 subnet", "use subnet for IPv4"),
        (
            lambda: UserMode(backend="passt", address="192.168.1.11"),
            "'192.168.1.11' is no IPv4 address with prefix length",
            "192.168.1.11/24",
        ),
        (
            lambda: UserMode(backend="passt", address6="192.168.1.11/24"),
            "'192.168.1.11/24' is no IPv6 address",
            "2001:db8:1::11/64",
        ),
        (lambda: UserMode(backend="passt", address="one/24"), "'one/24' is no IPv4 address", "192.168.1.11"),
        (lambda: UserForward(port=0, guest_port=22), "port 0 is impossible", "1 to 65535"),
        (lambda: UserForward(port=1, guest_port=65536), "port 65536 is impossible", "1 to 65535"),
        (
            lambda: UserForward(port=1, guest_port=1, protocol="icmp"),  # type: ignore[arg-type]
            "protocol 'icmp' has no ports",
            "tcp or udp",
        ),
    ],
)
def test_bad_input_is_refused_with_object_and_remedy(
    make: Callable[[], object], message: str, hint: str
) -> None:
    with pytest.raises(SpecError) as caught:
        make()

    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_slirp_is_the_default_and_needs_no_words() -> None:
    assert "<backend" not in InterfaceSpec(source=UserMode()).to_xml()
