"""What goes wrong in the middle of a trial, for real, in a lab."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from kvmlab._progress import Silent
from kvmlab.experiment import Plan, Results, run_experiment
from kvmlab.experiment.factors import Level
from kvmlab.experiment.site import LabSite, Station

pytestmark = pytest.mark.vm

#: Bytes of traffic after which something breaks: it is well under way then.
UNDER_WAY = 5_000_000
BOUND_S = 30.0
#: VIRTIO_RING_F_INDIRECT_DESC (virtio 1.2, section 6).
INDIRECT_BIT = 28
#: Told site, station and its tap.
Break = Callable[[LabSite, Station, str], None]


@pytest.fixture(scope="module")
def lab_site() -> Iterator[LabSite]:
    with LabSite("faults") as site:
        yield site


@dataclass
class Breaking:
    """Breaks something once, in the middle of the traffic of the first trial."""

    site: LabSite
    action: Break
    is_broken: bool = False
    name: str = "breaking"

    @contextmanager
    def at(self, point: Mapping[str, Level]) -> Iterator[Station]:
        with self.site.at(point) as station:
            if self.is_broken:
                yield station
                return
            self.is_broken = True
            tap = station.guests[0].nics()[0].tap
            thread = threading.Thread(target=self._wait_and_break, args=(station, tap))
            thread.start()
            try:
                yield station
            finally:
                thread.join()

    def _wait_and_break(self, station: Station, tap: str) -> None:
        before, deadline = self._carried(tap), time.monotonic() + BOUND_S
        while self._carried(tap) < before + UNDER_WAY and time.monotonic() < deadline:
            time.sleep(0.02)
        self.action(self.site, station, tap)

    def _carried(self, tap: str) -> int:
        paths = [f"/sys/class/net/{tap}/statistics/{way}_bytes" for way in ("rx", "tx")]
        return sum(map(int, self.site.lab.host.run(["cat", *paths]).stdout.split()))

    def close(self) -> None:
        """Keep the lab."""


def two_trials(site: LabSite, action: Break, direction: str = "forward") -> Results:
    plan = Plan(factors={"direction": [direction]}, repeats=2, measures=("tcp",), duration_s=4, warmup_s=0)
    return run_experiment(plan, site=Breaking(site, action), progress=Silent())


def failed_then_measured(results: Results) -> str:
    """Return why the first trial failed, after a look at both."""
    first, second = results.records
    assert (first["outcome"], first["values"]) == ("failed", {})
    assert second["outcome"] == "measured", second["reason"]
    assert second["values"]["tcp_mbit_s"] > 0
    assert results.summary("tcp_mbit_s")[0].repeats == 1
    return str(first["reason"])


def test_a_guest_that_dies_fails_its_trial_only(lab_site: LabSite) -> None:
    results = two_trials(lab_site, lambda _site, station, _tap: station.guests[0].destroy())

    reason = failed_then_measured(results)

    assert "is not running" in reason or "no domain" in reason


# in reverse the server sends, and that of iperf 3.18 listens on for 100 s
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_link_that_goes_down_fails_its_trial_only(lab_site: LabSite, direction: str) -> None:
    def pull(site: LabSite, _station: Station, tap: str) -> None:
        site.lab.host.run(["ip", "link", "set", "dev", tap, "down"])

    reason = failed_then_measured(two_trials(lab_site, pull, direction))

    assert reason.startswith("iperf3 from x")


def test_a_server_that_ends_fails_its_trial_only(lab_site: LabSite) -> None:
    def end(site: LabSite, _station: Station, _tap: str) -> None:
        site.lab.pc.run(["pkill", "-KILL", "-f", "^iperf3 --server --port 53"])

    reason = failed_then_measured(two_trials(lab_site, end))

    # what it says depends on which of both notices first: a reset, a closed control connection, silence
    assert reason.startswith("iperf3 from x")
    assert "port 53" in reason


def test_an_mtu_that_the_card_cannot_have_fails_and_the_others_go_on(lab_site: LabSite) -> None:
    plan = Plan(
        factors={"model": ["rtl8139"], "mtu": [9000, 1500, 4096]}, repeats=1, measures=("ping",), pings=3
    )

    results = run_experiment(plan, site=lab_site, progress=Silent())

    found = {row["mtu"]: (row["outcome"], row["reason"]) for row in results.table.to_dict(orient="records")}
    assert found[1500] == found[4096] == ("measured", "")
    assert found[9000][0] == "failed"
    assert "mtu greater than device maximum" in found[9000][1]


def test_a_rate_is_kept_in_both_directions(lab_site: LabSite) -> None:
    plan = Plan(
        factors={"rate_mbit_s": [20], "direction": ["forward", "reverse"]},
        repeats=1,
        measures=("tcp",),
        duration_s=2,
    )

    results = run_experiment(plan, site=lab_site, progress=Silent())

    assert list(results.failures) == []
    assert (results.table["limiter"] != "").all()
    assert results.table["tcp_mbit_s"].between(5, 24).all()


def test_offloads_features_queues_and_several_guests_are_what_was_asked_for(lab_site: LabSite) -> None:
    plan = Plan(
        factors={
            "queues": [2],
            "without": ["host_tso4, indirect_desc"],
            "offloads": ["gso off"],
            "guests": [2],
        },
        repeats=1,
        measures=("tcp", "cpu", "interrupts"),
        duration_s=1,
    )

    results = run_experiment(plan, site=lab_site, progress=Silent())
    guest = next(reversed(lab_site._stations.values())).guests[0]
    guest.resume()
    said = guest.run(["/bin/sh", "-c", "ethtool -k eth0; ethtool -l eth0; nproc"]).stdout
    bits = guest.run(["cat", "/sys/class/net/eth0/device/features"]).stdout
    guest.suspend()

    assert list(results.failures) == []
    assert results.table[list(plan.columns)].notna().all(axis=None)
    assert "tx-tcp-segmentation: off [fixed]" in said
    assert "generic-segmentation-offload: off" in said
    assert said.count("Combined:\t2") == 2  # the most that there may be, and those in use
    assert said.endswith("2\n")
    assert bits[INDIRECT_BIT] == "0"
