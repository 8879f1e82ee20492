"""Measured samples → pictures: every sample is shown, with its median.

The pictures are static, need no network and are the same bytes for the same
samples. They have a white ground of their own, so that they can be read in a
dark notebook, too. Colours are those of Okabe and Ito (2008), which
colour-blind people can tell apart; shapes differ as well.
"""

from kvmlab.plot.base import Plot
from kvmlab.plot.intervals import claims, intervals, sizes
from kvmlab.plot.matrix import heat_map
from kvmlab.plot.samples import round_trip_times, throughputs

__all__ = ["Plot", "claims", "heat_map", "intervals", "round_trip_times", "sizes", "throughputs"]
