"""What a NIC is refused for, and what it prints."""

import pytest

from kvmlab.errors import SpecError
from kvmlab.spec.interface import NIC_MODELS, InterfaceSpec
from kvmlab.spec.source import Direct


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({}, "an interface needs one network, bridge or source", "network='blue'"),
        (
            {"network": "blue", "bridge": "br0"},
            "an interface needs one network, bridge or source",
            "network='blue'",
        ),
        ({"network": "blue", "model": "rtl8193"}, "NIC model 'rtl8193' is unknown", "rtl8139"),
        (
            {"network": "blue", "mac": "52:54:00:12:34"},
            "MAC address '52:54:00:12:34' is malformed",
            "six octets",
        ),
        ({"network": "blue", "mac": "52-54-00-12-34-56"}, "'52-54-00-12-34-56' is malformed", "six octets"),
        (
            {"network": "blue", "mac": "53:54:00:12:34:56"},
            "'53:54:00:12:34:56' is a multicast address",
            "even",
        ),
        (
            {"network": "blue", "mac": "ff:ff:ff:ff:ff:ff"},
            "'ff:ff:ff:ff:ff:ff' is a multicast address",
            "even",
        ),
        ({"network": "blue", "mac": "00:00:00:00:00:00"}, "'00:00:00:00:00:00' is all zero", "leave mac out"),
        ({"network": "blue", "mtu": 67}, "interface: MTU of 67 bytes is too small", "at least 68"),
        ({"network": "blue", "mtu": 65536}, "interface: MTU of 65536 bytes is too large", "at most 65535"),
        ({"network": "blue", "mtu": "1500"}, "interface: MTU '1500' is no whole number", "IP"),
        ({"network": "blue", "target": "tap-of-the-first"}, "'tap-of-the-first' is 16 characters long", "15"),
        (
            {"network": "blue", "target": "a/b"},
            "tap name 'a/b' is not a name that the kernel takes",
            "letters",
        ),
        ({"network": "blue", "target": ""}, "tap name '' is not a name that the kernel takes", "letters"),
        (
            {"network": "blue", "address": "192.168.50"},
            "address '192.168.50' is no IPv4 address",
            "192.168.50.10",
        ),
        (
            {"bridge": "br0", "address": "10.0.0.2"},
            "address '10.0.0.2' cannot be reserved outside of a libvirt network",
            "leave address out",
        ),
        (
            {"network": "blue", "source": Direct(dev="enp2s0")},
            "an interface needs one network, bridge or source",
            "network='blue'",
        ),
        (
            {"source": Direct(dev="enp2s0"), "target": "tap1", "isolated": True},
            "an interface of type 'direct' has no isolated and no target",
            "port of a bridge",
        ),
        ({"network": "blue", "without": ("tso",)}, "feature 'tso' is unknown", "host_tso4"),
        ({"network": "blue", "queues": 0}, "0 queues", "1 to 256"),
        (
            {"network": "blue", "model": "e1000", "queues": 2},
            "a NIC of model 'e1000' has no queues or features",
            "virtio",
        ),
    ],
)
def test_bad_input_is_refused_with_object_and_remedy(
    options: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(SpecError) as caught:
        InterfaceSpec(**options)  # type: ignore[arg-type]

    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_tap_name_may_have_15_characters() -> None:
    assert InterfaceSpec(network="blue", target="tap-of-the-1st!").target == "tap-of-the-1st!"


def test_a_mac_address_is_written_as_the_kernel_writes_it() -> None:
    assert InterfaceSpec(network="blue", mac="52:54:00:AB:CD:EF").mac == "52:54:00:ab:cd:ef"


@pytest.mark.parametrize("model", NIC_MODELS)
def test_every_model_is_printed_by_its_name(model: str) -> None:
    element = InterfaceSpec(network="blue", model=model).to_element()

    assert [child.get("type") for child in element.iter("model")] == [model]
