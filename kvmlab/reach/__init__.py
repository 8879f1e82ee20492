"""Who reaches whom in each network mode: expected by the documentation, observed by probes."""

from kvmlab.reach.matrix import Cell, Matrix, matrix, probe_mode
from kvmlab.reach.modes import MODES, direct_nic

__all__ = ["MODES", "Cell", "Matrix", "direct_nic", "matrix", "probe_mode"]
