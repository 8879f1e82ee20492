"""How fast labs and guests are on this machine, beside raw QEMU in the same run.

Each figure is the median of its repeats. Where plain QEMU can do the same
thing, it does so in the same run, alternating, as the baseline.
"""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kvmlab import image
from kvmlab import lab as labs
from kvmlab._progress import shown
from kvmlab._repr import text_table
from kvmlab._run import LocalRunner
from kvmlab.errors import SpecError
from kvmlab.lab import Lab
from kvmlab.measure.iperf3 import iperf3
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.virt import rawqemu
from kvmlab.virt.domain import Domain

#: Gap between two looks at whether guests answer, in seconds.
_PING_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    name
        What was measured.
    median
        Median of the repeats.
    unit
        ``s``, ``MiB`` or ``ratio``.
    repeats
        How many values the median is of.
    baseline
        Median of the same thing with plain QEMU or by hand; None where there
        is no such thing.
    low, high
        Smallest and largest value.
    """

    name: str
    median: float
    unit: str
    repeats: int
    baseline: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All figures of a run, and the machine that they are of."""

    host: dict[str, str | int]
    figures: tuple[Figure, ...]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps({"host": self.host, "figures": [asdict(f) for f in self.figures]}, indent=2)

    def __str__(self) -> str:
        facts = "  ".join(f"{key}: {value}" for key, value in self.host.items())
        return f"{facts}\n\n{text_table(self.figures)}"


def run_bench(*, repeats: int = 5, only: Sequence[str] | None = None) -> BenchReport:
    """Measure the figures.

    Parameters
    ----------
    repeats
        How many times each is measured.
    only
        Names of figures; all by default.

    Raises
    ------
    SpecError
        If a name in ``only`` is unknown.
    """
    unknown = set(only or ()) - set(FIGURES)
    if unknown:
        raise SpecError(f"unknown figure {', '.join(sorted(unknown))}", hint=f"known: {', '.join(FIGURES)}")
    found: list[Figure] = []
    with shown(None, "bench") as steps:
        for name in only or FIGURES:
            steps.step(name)
            found.append(FIGURES[name](name, repeats))
    return BenchReport(_host_facts(), tuple(found))


def _host_facts() -> dict[str, str | int]:
    with Lab.start("bench") as lab:
        accelerator, qemu = lab.accelerator, lab.vir.getVersion()
    return {
        "accelerator": accelerator,
        "cpus": len(_cpus()),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "qemu": f"{qemu // 1_000_000}.{qemu // 1000 % 1000}.{qemu % 1000}",
        "guest kernel": image.find_image().kernel_version,
    }


def _cpus() -> list[str]:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if line.startswith("processor")]


def _figure(name: str, unit: str, values: Sequence[float], baseline: Sequence[float] = ()) -> Figure:
    return Figure(
        name=name,
        median=round(statistics.median(values), 4),
        unit=unit,
        repeats=len(values),
        baseline=round(statistics.median(baseline), 4) if baseline else None,
        low=round(min(values), 4),
        high=round(max(values), 4),
    )


def _timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def _with_network(lab: Lab) -> Lab:
    lab.define(NetworkSpec(name="bench", subnet="192.168.50.0/24", forward="nat")).start()
    return lab


def _define(lab: Lab, name: str) -> Domain:
    nics = (InterfaceSpec(network="bench", model="virtio"), InterfaceSpec(network="bench", model="rtl8139"))
    return lab.define(DomainSpec(name=name, interfaces=nics))


def _guest(name: str, repeats: int, *, instant: bool) -> Figure:
    values, baseline = [], []
    with Lab.start("bench") as lab:
        guest = _define(_with_network(lab), "warm")
        guest.start(instant=instant).destroy()  # makes the template, fills the page cache
        for _ in range(repeats):
            values.append(_timed(lambda: guest.start(instant=instant)))
            guest.destroy()
            raw = rawqemu.time_restore if instant else rawqemu.time_boot
            baseline.append(raw(guest, lab.host))
    return _figure(name, "s", values, baseline)


def _guest_from_template(name: str, repeats: int) -> Figure:
    return _guest(name, repeats, instant=True)


def _guest_cold(name: str, repeats: int) -> Figure:
    return _guest(name, repeats, instant=False)


def _lab_start(name: str, repeats: int) -> Figure:
    values = []
    Lab.start("bench").stop()  # fills libvirt's capabilities cache
    for _ in range(repeats):
        values.append(_timed(lambda: Lab.start("bench")))
        Lab.attach("bench").stop()
    return _figure(name, "s", values)


def _lab_stop(name: str, repeats: int) -> Figure:
    values = []
    for _ in range(repeats):
        lab = _with_network(Lab.start("bench"))
        _define(lab, "vm1").start()
        values.append(_timed(lab.stop))
    return _figure(name, "s", values)


def _first_ping(guests: int) -> float:
    """Time from nothing to guests that all answer the first one's ping."""
    started = time.monotonic()
    with Lab.start("bench") as lab:
        _with_network(lab)
        domains = [_define(lab, f"vm{index}") for index in range(1, guests + 1)]
        labs.start_all(domains)
        for domain in domains[1:]:
            address = domain.address
            while domains[0].run(["ping", "-c1", "-W1", address], check=False).returncode != 0:
                time.sleep(_PING_WAIT_S)
        return time.monotonic() - started


def _lab_to_first_ping(name: str, repeats: int) -> Figure:
    return _figure(name, "s", [_first_ping(2) for _ in range(repeats)])


def _eight_guests(name: str, repeats: int) -> Figure:
    return _figure(name, "s", [_first_ping(8) for _ in range(repeats)])


def _guest_pss(name: str, repeats: int) -> Figure:
    values = []
    with Lab.start("bench") as lab:
        _with_network(lab)
        labs.start_all([_define(lab, f"vm{index}") for index in range(1, max(4, repeats) + 1)])
        pids = lab.host.run(["pgrep", "-f", "guest=vm"]).stdout.split()
        for pid in pids:
            lines = lab.host.run(["cat", f"/proc/{pid}/smaps_rollup"]).stdout.splitlines()
            values.append(next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024)
    return _figure(name, "MiB", values)


def _import(name: str, repeats: int) -> Figure:
    local = LocalRunner()
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    values, baseline = [], []
    for _ in range(repeats):
        values.append(float(local.run([sys.executable, "-c", code.format("kvmlab")]).stdout))
        baseline.append(float(local.run([sys.executable, "-c", code.format("json")]).stdout))
    return _figure(name, "s", values, baseline)


def _iperf3_vs_by_hand(name: str, repeats: int) -> Figure:
    """Ratio of throughput through kvmlab to that of the same tool typed by hand, interleaved."""
    through, by_hand = [], []
    with Lab.start("bench") as lab:
        _with_network(lab)
        guest = _define(lab, "vm1").start().wait_until_ready()
        line = ["iperf3", "--client", "192.168.1.20", "--time", "3", "--json"]
        for _ in range(repeats):
            through.append(iperf3(guest, "192.168.1.20", duration_s=3).median_mbit_s)
            text = rawqemu.console_run(lab.uri, "vm1", line, timeout_s=30)
            by_hand.append(json.loads(text)["end"]["sum_received"]["bits_per_second"] / 1e6)
    ratios = [a / b for a, b in zip(through, by_hand, strict=True)]
    return _figure(name, "ratio", ratios)


#: Each figure and what measures it, in the order of the report.
FIGURES: dict[str, Callable[[str, int], Figure]] = {
    "import": _import,
    "lab_start": _lab_start,
    "lab_stop": _lab_stop,
    "guest_from_template": _guest_from_template,
    "guest_cold": _guest_cold,
    "guest_pss": _guest_pss,
    "lab_to_first_ping": _lab_to_first_ping,
    "eight_guests_to_ping": _eight_guests,
    "iperf3_vs_by_hand": _iperf3_vs_by_hand,
}
