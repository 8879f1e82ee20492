"""One plan on the workers of a cluster, each with a lab of its own.

The cluster runs in a process of its own: Python's helper processes, which a
cluster starts, end with it.
"""

import json
import subprocess
import sys

import pytest

from kvmlab import lab as labs

pytest.importorskip("distributed", reason="needs pip install 'kvmlab[distributed]'")

#: Runs a plan on a cluster of so many workers; prints the table as JSON, or what was refused.
PROGRAM = """
import sys
from distributed import Client, LocalCluster
import kvmlab as kl

if __name__ == "__main__":
    plan = kl.Plan(
        factors={"mode": ["nat", "bridged"]}, repeats=2, measures=("ping",), warmup_s=0, pings=3
    )
    options = {"n_workers": int(sys.argv[1]), "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        try:
            print(kl.run_experiment(plan, client=client).table.to_json(orient="records"))
        except kl.KvmlabError as error:
            print(error)
"""


def run_on(workers: int) -> str:
    line = [sys.executable, "-c", PROGRAM, str(workers)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.vm
def test_each_worker_measures_whole_repeats_in_a_lab_of_its_own() -> None:
    rows = json.loads(run_on(2))

    assert [row["reason"] for row in rows] == [""] * 4
    sites = [{row["site"] for row in rows if row["repeat"] == repeat} for repeat in (0, 1)]
    assert [len(found) for found in sites] == [1, 1]
    assert sites[0] != sites[1]
    assert all(row["rtt_median_ms"] > 0 for row in rows)
    assert [lab for lab in labs.list_labs() if lab.name.startswith("experiment-")] == []


@pytest.mark.host
def test_a_cluster_without_workers_is_refused() -> None:
    assert "the cluster has no workers" in run_on(0)
