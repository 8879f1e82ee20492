"""The uplink goes down under traffic: whatever runs then ends with a clear outcome, and works again after."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import MeasurementError
from tests.changes.everything import everything

pytestmark = pytest.mark.vm

CABLE = ["ip", "link", "set", "dev", "port1"]
#: Seconds in which traffic must flow, and in which a cable that was plugged in must carry.
BOUND_S = 30.0


@pytest.fixture(scope="module")
def lab() -> Iterator[kl.Lab]:
    with kl.Lab.start("uplink", progress=Silent()) as lab:
        lab.define(kl.NetworkSpec(name="blue", subnet="192.168.50.0/24", forward="nat")).start()
        guest = lab.define(kl.DomainSpec(name="vm1", interfaces=(kl.InterfaceSpec(network="blue"),)))
        guest.start(progress=Silent()).wait_until_ready()
        yield lab


def sent_bytes(lab: kl.Lab) -> int:
    return int(lab.host.run(["cat", "/sys/class/net/enp1s0/statistics/tx_bytes"]).stdout)


def wait_for_traffic(lab: kl.Lab) -> None:
    before, deadline = sent_bytes(lab), time.monotonic() + BOUND_S
    while sent_bytes(lab) < before + 1_000_000:
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def test_everything_that_runs_meanwhile_ends_with_a_clear_outcome(lab: kl.Lab) -> None:
    guest, before = lab.domain("vm1"), everything(lab)
    with ThreadPoolExecutor() as pool:
        measured = pool.submit(kl.iperf3, guest, "8.8.8.8", duration_s=5)
        wait_for_traffic(lab)
        pinged = pool.submit(kl.ping, guest, "192.168.1.20", count=60, interval_s=0.05)

        lab.switch.run([*CABLE, "down"])

        walk = kl.trace(lab, guest, "8.8.8.8")
        found = kl.reachability(lab, "nat", [guest], host_addresses=["192.168.50.1"])
        with pytest.raises(MeasurementError, match="iperf3 from vm1 to") as caught:
            measured.result()
        lab.switch.run([*CABLE, "up"])

    assert "link on the way" in caught.value.hint
    assert 0 < pinged.result().loss <= 1
    assert not walk.answered
    assert walk.outcome.endswith(" knew no way on, and said so to its sender (ICMP, unreachable).")
    assert walk.outcome.split()[0] in ("192.168.1.10", "192.168.50.1")  # the host, by one of its addresses
    assert {(cell.source, cell.target) for cell in found.findings} == {("guest", "pc"), ("guest", "internet")}
    assert {cell.observed for cell in found.findings} == {"blocked"}
    assert everything(lab) == before
    check_traffic_flows_again(lab)


def check_traffic_flows_again(lab: kl.Lab) -> None:
    guest, deadline = lab.domain("vm1"), time.monotonic() + BOUND_S
    while kl.ping(guest, "8.8.8.8", count=2).loss > 0:
        assert time.monotonic() < deadline
    assert kl.trace(lab, guest, "8.8.8.8").answered
