"""Whole runs of the bench, through the real command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kvmlab import bench
from kvmlab._progress import Silent
from kvmlab.bench import guests
from kvmlab.bench.scene import Rounds
from kvmlab.bench.throughput import PAIRS, PING_PAIRS
from kvmlab.errors import SpecError

COMMAND = str(Path(sys.executable).parent / "kvmlab")
NAMES = {
    "guest_from_template": "s",
    "guest_cold": "s",
    "lab_start": "s",
    "lab_to_first_ping": "s",
    "lab_stop": "s",
    "eight_guests_to_ping": "s",
    "guest_pss": "MiB",
    "import": "s",
    "iperf3_vs_by_hand": "ratio",
    "ping_vs_by_hand": "ratio",
}
#: Figures that are measured several times in each round.
PAIRED = {"iperf3_vs_by_hand": PAIRS, "ping_vs_by_hand": PING_PAIRS}


def state_of(home: Path) -> list[Path]:
    """Labs and bare hosts below a state directory."""
    return [path for path in [*home.glob("labs/[!.]*"), *home.glob("kvmlab-bench-*")] if path.is_dir()]


@pytest.fixture
def home() -> Path:
    """A directory for state and temporary files, with a short path."""
    folder = Path(os.environ["KVMLAB_STATE_DIR"], "bench")
    folder.mkdir(exist_ok=True)
    return folder


def test_figures_have_the_names_that_scripts_know() -> None:
    assert set(bench.FIGURES) == set(NAMES)


def test_an_unknown_figure_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SpecError, match="nosuch") as caught:
        bench.run_bench(only=["lab_start", "nosuch"])

    assert "lab_to_first_ping" in caught.value.hint


def test_no_repeats_are_refused() -> None:
    with pytest.raises(SpecError, match="0 repeats"):
        bench.run_bench(repeats=0)


@pytest.mark.vm
def test_a_run_measures_what_was_asked_for_beside_plain_qemu(home: Path, tmp_path: Path) -> None:
    asked = ["lab_start", "lab_to_first_ping", "lab_stop", "import", *PAIRED]
    options = [word for name in asked for word in ("--only", name)]
    kept = tmp_path / "bench.json"

    line = [COMMAND, "bench", "--json", "--repeats", "1", *options, "--output", str(kept)]
    env = os.environ | {"KVMLAB_STATE_DIR": str(home), "TMPDIR": str(home)}
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert set(figures) == set(asked)
    assert {name: figure["unit"] for name, figure in figures.items()} == {name: NAMES[name] for name in asked}
    assert {name: figure["repeats"] for name, figure in figures.items()} == {
        name: PAIRED.get(name, 1) for name in asked
    }
    assert figures["lab_start"]["median"] < figures["lab_to_first_ping"]["median"]
    with_baseline = {name for name, figure in figures.items() if figure["baseline"] is not None}
    assert with_baseline == {"lab_to_first_ping", "lab_stop"}
    assert report["host"]["accelerator"] in ("kvm", "tcg")
    assert json.loads(kept.read_text()) == report
    assert state_of(home) == []


@pytest.mark.vm
def test_guests_together_are_measured_beside_as_many_of_plain_qemu() -> None:
    found = guests.together(Rounds(repeats=1, total=1, progress=Silent()), count=2)

    ping, pss = found["eight_guests_to_ping"], found["guest_pss"]
    assert len(ping.values) == len(ping.baseline) == len(pss.values) == len(pss.baseline) == 1
    assert all(20 < value < 512 for value in (*pss.values, *pss.baseline))


@pytest.mark.vm
@pytest.mark.parametrize(
    ("number", "running"),
    [
        pytest.param(signal.SIGINT, "kvmlab-bench-*/*/monitor.sock", id="ctrl-c-in-plain-qemu"),
        pytest.param(signal.SIGTERM, "labs/bench-*/run/libvirt/qemu/vm1.pid", id="term-in-a-lab"),
    ],
)
def test_a_signal_ends_a_run_and_nothing_is_left(home: Path, number: signal.Signals, running: str) -> None:
    env = os.environ | {"KVMLAB_STATE_DIR": str(home), "TMPDIR": str(home)}
    line = [COMMAND, "bench", "--only", "lab_to_first_ping"]
    with subprocess.Popen(line, env=env, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not list(home.glob(running)):  # plain QEMU runs
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert state_of(home) == []
