"""Plain QEMU really runs the same guest, and leaves nothing."""

import contextlib
import time

import pytest

from kvmlab.bench import guests, rawkit
from kvmlab.bench.rawguest import RawGuest
from kvmlab.errors import MeasurementError
from tests.bench.conftest import Scene

pytestmark = pytest.mark.vm


def taps(stage: Scene) -> list[str]:
    return [row for row in stage.lab.host.run(["ip", "-o", "link"]).stdout.splitlines() if ": tap" in row]


def test_a_saved_guest_goes_on_under_plain_qemu_with_its_nics_on_the_bridge(stage: Scene) -> None:
    with contextlib.ExitStack() as stack:
        (guest,) = rawkit.restore([stage.kit], stage.place, stack)
        address = guest.wait_addresses(stage.kit.macs)
        answered = guest.pings(address) and guests.answers(stage.lab.host, address)
        memory_mib = guests.mean_pss_mib(stage.lab.host, [guest.pid()])
        bridged = [stage.place.bridge in row for row in taps(stage)]

    assert answered
    assert bridged == [True, True]
    assert 20 < memory_mib < 512


def test_plain_qemu_boots_the_same_guest(stage: Scene) -> None:
    with contextlib.ExitStack() as stack:
        guest = rawkit.boot(stage.kit, stage.place, stack)

        assert set(guest.links()) == set(stage.kit.macs)


def test_nothing_is_left_of_plain_qemu(stage: Scene) -> None:
    with contextlib.ExitStack() as stack:
        rawkit.restore([stage.kit], stage.place, stack)

    deadline = time.monotonic() + 30
    while taps(stage):
        assert time.monotonic() < deadline
    assert stage.lab.host.run(["pgrep", "-f", "rawnet|raw/"], check=False).stdout == ""


def test_what_plain_qemu_says_when_it_does_not_start_is_passed_on(stage: Scene) -> None:
    line = [*stage.kit.cold, "-nosuch"]

    with (
        RawGuest(stage.lab.host, stage.place.folder / "refused", line, bridge=stage.place.bridge) as guest,
        pytest.raises(MeasurementError, match="-nosuch: invalid option"),
    ):
        guest.qmp("query-status")


def test_what_plain_qemu_refuses_is_an_error_with_its_words(stage: Scene) -> None:
    with contextlib.ExitStack() as stack:
        (guest,) = rawkit.restore([stage.kit], stage.place, stack)

        with pytest.raises(MeasurementError, match="nosuch"):
            guest.qmp("device_del", id="nosuch")
