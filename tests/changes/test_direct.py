"""Direct mode with a glued tap: what is refused, and what passthrough does to its card."""

from collections.abc import Iterator

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.changes import make_glued_tap
from kvmlab.commands.direct import GluedTap
from kvmlab.errors import SpecError
from kvmlab.spec.source import Direct

pytestmark = pytest.mark.host
MAC = "52:54:00:00:00:99"


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("direct-taps", progress=Silent()) as lab:
        yield lab


def links(lab: kl.Lab) -> dict[str, str]:
    """MAC addresses of the host's links by name."""
    return {link.name: link.mac for link in lab.network_state(["host"])["host"].links}


def tap(dev: str, mode: str, *, name: str = "tap1") -> GluedTap:
    return GluedTap(name=name, direct=Direct(dev=dev, mode=mode), mac=MAC)


@pytest.mark.parametrize(
    ("dev", "message", "hint"),
    [
        ("enp9s0", "the host has no link 'enp9s0'", "enp1s0, enp2s0"),
        ("enp1s0", "'enp1s0' has the host's own address 192.168.1.10/24", "enp2s0"),
    ],
)
def test_a_card_that_cannot_be_a_guests_alone_is_refused(
    lab: kl.Lab, dev: str, message: str, hint: str
) -> None:
    before = links(lab)

    with pytest.raises(SpecError) as caught:
        make_glued_tap(lab, tap(dev, "passthrough"))

    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert links(lab) == before


def test_a_card_that_a_guest_has_for_itself_has_its_mac_address_until_it_is_given_back(lab: kl.Lab) -> None:
    before = links(lab)

    with make_glued_tap(lab, tap("enp2s0", "passthrough")):
        there = links(lab)

    assert there["enp2s0"] == there["tap1m"] == MAC
    assert links(lab) == before


@pytest.mark.parametrize(("first", "second"), [("passthrough", "passthrough"), ("bridge", "passthrough")])
def test_a_card_takes_nobody_beside_a_guest_that_has_it_for_itself(
    lab: kl.Lab, first: str, second: str
) -> None:
    with make_glued_tap(lab, tap("enp2s0", first)):
        before = links(lab)
        with pytest.raises(SpecError, match="'enp2s0' carries tap1m already"):
            make_glued_tap(lab, tap("enp2s0", second, name="tap2"))
        assert links(lab) == before
