"""How fast labs and guests are on this machine, beside plain QEMU in the same run.

Each figure is the median of its repeats. Where plain QEMU can do the same
thing, it does so in the same run, in turns, as the baseline.
"""

from kvmlab.bench.report import BenchReport, Figure
from kvmlab.bench.run import FIGURES, run_bench

__all__ = ["FIGURES", "BenchReport", "Figure", "run_bench"]
