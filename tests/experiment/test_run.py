"""Runs of a plan: stopped, resumed, and with trials that fail; on real hosts with real tools."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kvmlab.errors import SpecError
from kvmlab.experiment import Plan, Results, run_experiment
from kvmlab.experiment.factors import Level
from kvmlab.experiment.site import GivenSite, Station

pytestmark = pytest.mark.host

BOTH_WAYS = Plan(
    factors={"direction": ["forward", "reverse"]}, repeats=1, duration_s=1, warmup_s=0, pings=3, seed=3
)


@dataclass
class Steps:
    """Keeps what a progress bar would show, and presses Ctrl-C after so many steps."""

    stop_after: int = 10**9
    seen: list[tuple[str, float | None]] = field(default_factory=list)

    def step(self, text: str, *, done: float | None = None) -> None:
        self.seen.append((text, done))
        if len(self.seen) == self.stop_after:
            raise KeyboardInterrupt


@dataclass
class Counting:
    """A site that remembers which directions it was asked for."""

    site: GivenSite
    asked: list[Level] = field(default_factory=list)
    name: str = "counting"

    @contextmanager
    def at(self, point: Mapping[str, Level]) -> Iterator[Station]:
        self.asked.append(point["direction"])
        with self.site.at(point) as station:
            yield station

    def close(self) -> None:
        """Keep the hosts."""


def test_every_trial_is_a_row_with_its_figures_and_its_machine(site: GivenSite) -> None:
    results = run_experiment(BOTH_WAYS, site=site, progress=Steps())

    table = results.table
    assert set(table["direction"]) == {"forward", "reverse"}
    assert (table["outcome"] == "measured").all()
    assert (table["tcp_mbit_s"] > 0).all()
    assert (table["rtt_median_ms"] > 0).all()
    assert {"host_kernel", "host_cpus", "host_accelerator"} <= set(table.columns)


def test_progress_tells_the_share_and_the_time_left(site: GivenSite) -> None:
    steps = Steps()

    run_experiment(BOTH_WAYS, site=site, progress=steps)

    assert [done for _, done in steps.seen] == [0.0, 0.5, 1.0]
    assert steps.seen[1][0].endswith("min left")


def test_a_run_that_was_stopped_goes_on_without_measuring_again(site: GivenSite, tmp_path: Path) -> None:
    path, first, second = tmp_path / "run.jsonl", Counting(site), Counting(site)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run_experiment(BOTH_WAYS, path, site=first, progress=Steps(stop_after=2))

    results = run_experiment(BOTH_WAYS, path, site=second, progress=Steps())

    assert stopped.value.__notes__ == [
        f"1 of 2 trials are finished and in {path}: the same call goes on with the rest"
    ]
    assert len(first.asked) == len(second.asked) == 1
    assert set(first.asked + second.asked) == {"forward", "reverse"}
    assert len(results.table) == 2


def test_a_run_that_is_finished_measures_nothing(site: GivenSite, tmp_path: Path) -> None:
    path, again = tmp_path / "run.jsonl", Counting(site)
    before = run_experiment(BOTH_WAYS, path, site=site, progress=Steps())

    after = run_experiment(BOTH_WAYS, path, site=again, progress=Steps())

    assert again.asked == []
    assert repr(after) == repr(before)
    assert repr(Results.load(path)) == repr(before)


def test_without_a_server_a_trial_fails_with_its_reason_and_without_a_figure(site: GivenSite) -> None:
    elsewhere = GivenSite(site.guest, site.target, server=site.guest, link="cable")

    results = run_experiment(BOTH_WAYS, site=elsewhere, progress=Steps())

    assert (results.table["outcome"] == "failed").all()
    assert results.table["reason"].str.contains("no iperf3 server listens there").all()
    assert results.table[["tcp_mbit_s", "rtt_median_ms"]].isna().all(axis=None)
    assert len(results.summary("tcp_mbit_s")) == 0


def test_what_a_guest_would_have_to_be_built_for_fails_and_the_others_go_on(site: GivenSite) -> None:
    plan = Plan(factors={"mtu": [1500, 9000]}, repeats=1, measures=("ping",), pings=3)

    results = run_experiment(plan, site=site, progress=Steps())

    assert dict(zip(results.table["mtu"], results.table["outcome"], strict=True)) == {
        1500: "measured",
        9000: "failed",
    }
    assert "mtu cannot be varied" in results.failures[0]["reason"]


def test_a_full_disk_is_said_and_nothing_is_lost(site: GivenSite, tmp_path: Path) -> None:
    plan = Plan(factors={}, repeats=2, measures=("ping",), pings=3)

    results = run_experiment(plan, "/dev/full", site=site, progress=Steps())

    assert len(results.table) == 2
    assert os.strerror(errno.ENOSPC) in results.unwritten
    assert "NOT IN THE FILE" in repr(results)
    results.save(tmp_path / "elsewhere.csv")
    assert repr(Results.load(tmp_path / "elsewhere.csv")).splitlines()[:2] == repr(results).splitlines()[:2]


def test_a_file_of_another_plan_is_refused_before_anything_is_measured(
    site: GivenSite, tmp_path: Path
) -> None:
    path, other = tmp_path / "run.jsonl", Counting(site)
    plan = Plan(factors={}, repeats=1, measures=("ping",), pings=3)
    run_experiment(plan, path, site=site, progress=Steps())

    with pytest.raises(SpecError, match="another plan"):
        run_experiment(BOTH_WAYS, path, site=other, progress=Steps())

    assert other.asked == []


def test_all_that_can_be_measured_between_two_hosts_is_measured(site: GivenSite) -> None:
    measures = ("ping", "tcp", "udp", "requests", "connects", "interrupts", "drops")
    plan = Plan(factors={"frame_bytes": [64]}, repeats=1, measures=measures, duration_s=2, pings=3)

    results = run_experiment(plan, site=site, progress=Steps())

    assert list(results.failures) == []
    assert results.table[list(plan.columns)].notna().all(axis=None)
