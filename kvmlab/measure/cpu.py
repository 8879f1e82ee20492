"""What traffic costs in CPU time, on the host and in the guest.

Figures come from clocks that tick, most of them every 10 ms (proc(5)): a
measurement of less than a second says little. ``ksoftirqd`` and ``vhost``
serve all guests of a machine; with other traffic on it they are an upper bound.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kvmlab._repr import html_table, text_table
from kvmlab._run import LocalRunner, Runner
from kvmlab.errors import MeasurementError
from kvmlab.virt import usage
from kvmlab.virt.domain import Domain

#: Ticks per second of the clock in ``/proc/stat`` and ``/proc/PID/stat``: the same
#: for all programs of an architecture (USER_HZ, time(7)).
TICKS_S = os.sysconf("SC_CLK_TCK")
_READ_HOST = "cat /proc/stat; cat /proc/[0-9]*/stat 2>/dev/null; exit 0"
_CPU = re.compile(r"^cpu +(?P<ticks>[\d ]+)$", re.MULTILINE)
#: ``comm`` may hold spaces and brackets, so the numbers are counted from its last bracket (proc(5)).
_PROCESS = re.compile(r"^\d+ \((?P<name>.*)\) (?P<rest>[A-Za-z] .*)$", re.MULTILINE)
#: Columns of the ``cpu`` line that are spent: user, nice, system, irq, softirq, steal.
#: guest and guest_nice are part of user and nice.
_BUSY, _SOFTIRQ = (0, 1, 2, 5, 6, 7), 6


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """Seconds of CPU that a machine has spent.

    Attributes
    ----------
    busy_s
        All that was not idle.
    softirq_s
        In soft interrupts, where the kernel carries packets.
    ksoftirqd_s
        In the threads ``ksoftirqd/N``, which take over when there are too many of them.
    vhost_s
        In the threads ``vhost-N``, which carry packets in place of QEMU.
    """

    busy_s: float
    softirq_s: float
    ksoftirqd_s: float = 0.0
    vhost_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuRow:
    """Figures of a :class:`CpuCost`, as its table shows them."""

    guest: str
    qemu_s: float
    vhost_s: float
    ksoftirqd_s: float
    host_softirq_s: float
    host_busy_s: float
    guest_busy_s: float
    elapsed_s: float
    accelerator: str


@dataclass(slots=True, repr=False)
class CpuCost:
    """Seconds of CPU that were spent while something was measured; made by :func:`cpu_cost`.

    Attributes
    ----------
    guest
        Name of the guest.
    qemu_s
        By its QEMU, with the guest's own work. From Linux 6.4 on vhost's threads are part of it.
    host
        By the host, all programs on it included.
    guest_busy_s
        As the guest counts it itself; under emulation what it takes to be a second is one of the host's.
    elapsed_s
        Seconds that passed.
    accelerator
        ``kvm`` or ``tcg``.
    """

    guest: str
    accelerator: str
    qemu_s: float = 0.0
    host: MachineTimes = MachineTimes(0.0, 0.0)
    guest_busy_s: float = 0.0
    elapsed_s: float = 0.0

    def qemu_s_per_gbyte(self, received_bytes: int) -> float:
        """Return the seconds of CPU that QEMU spent for each 10^9 bytes.

        Raises
        ------
        MeasurementError
            If nothing was carried.
        """
        if received_bytes <= 0:
            raise MeasurementError("no bytes were carried: they cost nothing and everything")
        return self.qemu_s / (received_bytes / 1e9)

    def _row(self) -> CpuRow:
        return CpuRow(
            guest=self.guest,
            qemu_s=self.qemu_s,
            vhost_s=self.host.vhost_s,
            ksoftirqd_s=self.host.ksoftirqd_s,
            host_softirq_s=self.host.softirq_s,
            host_busy_s=self.host.busy_s,
            guest_busy_s=self.guest_busy_s,
            elapsed_s=self.elapsed_s,
            accelerator=self.accelerator,
        )

    def __repr__(self) -> str:
        return text_table([self._row()], caption="seconds of CPU")

    def _repr_html_(self) -> str:
        return html_table([self._row()], caption="seconds of CPU")


@contextmanager
def cpu_cost(guest: Domain, *, host: Runner | None = None) -> Iterator[CpuCost]:
    """Measure what the traffic in a ``with`` block costs in CPU time.

    Parameters
    ----------
    guest
        A guest that runs.
    host
        The machine that it runs on; this one by default. Of a lab it is this one, too: its hosts
        share the kernel, but do not see the kernel's threads.

    Yields
    ------
    CpuCost
        Filled when the block ends.

    Raises
    ------
    LibvirtError, MeasurementError
        If a clock cannot be read.

    Notes
    -----
    Same as ``virsh domstats --cpu-total NAME`` and ``cat /proc/stat`` on both, before and after.
    """
    machine = host or LocalRunner()
    cost = CpuCost(guest.name, guest.accelerator)
    inside, outside = _read_guest(guest), read_times(machine)
    started, qemu_s = time.monotonic(), usage.qemu_cpu_s(guest)
    yield cost
    cost.qemu_s = usage.qemu_cpu_s(guest) - qemu_s
    cost.elapsed_s = time.monotonic() - started
    cost.host = difference(outside, read_times(machine))
    cost.guest_busy_s = difference(inside, _read_guest(guest)).busy_s


def read_times(runner: Runner) -> MachineTimes:
    """Return what a machine's CPUs have spent; the kernel's threads where they are seen.

    Raises
    ------
    MeasurementError
        If the clocks cannot be read.
    """
    return parse_times(runner.run(["/bin/sh", "-c", _READ_HOST]).stdout)


def _read_guest(guest: Runner) -> MachineTimes:
    # without its processes: each program costs an emulated guest a tenth of a second
    return parse_times(guest.run(["cat", "/proc/stat"]).stdout)


def parse_times(text: str) -> MachineTimes:
    """Read ``/proc/stat``, and ``/proc/PID/stat`` of any number of processes after it.

    Raises
    ------
    MeasurementError
        If the text is not of that form.
    """
    found = _CPU.search(text)
    ticks = [int(word) for word in found["ticks"].split()] if found else []
    if len(ticks) <= max(_BUSY):
        raise MeasurementError("/proc/stat does not tell the CPU's times", output=text)
    threads = {"ksoftirqd/": 0, "vhost-": 0}
    for match in _PROCESS.finditer(text):
        for name in threads:
            if match["name"].startswith(name):
                threads[name] += sum(map(int, match["rest"].split()[11:13]))  # utime, stime
    return MachineTimes(
        busy_s=sum(ticks[column] for column in _BUSY) / TICKS_S,
        softirq_s=ticks[_SOFTIRQ] / TICKS_S,
        ksoftirqd_s=threads["ksoftirqd/"] / TICKS_S,
        vhost_s=threads["vhost-"] / TICKS_S,
    )


def difference(before: MachineTimes, after: MachineTimes) -> MachineTimes:
    """Return what was spent between two looks."""
    return MachineTimes(
        busy_s=after.busy_s - before.busy_s,
        softirq_s=after.softirq_s - before.softirq_s,
        ksoftirqd_s=after.ksoftirqd_s - before.ksoftirqd_s,
        vhost_s=after.vhost_s - before.vhost_s,
    )
