"""Who reaches whom in each network mode: expected by the documentation, observed by probes."""

from kvmlab.reach.comparison import compare_modes, set_up_and_probe
from kvmlab.reach.direct import direct_nic
from kvmlab.reach.matrix import Cell, Matrix
from kvmlab.reach.modes import MODES
from kvmlab.reach.paths import reachability

__all__ = ["MODES", "Cell", "Matrix", "compare_modes", "direct_nic", "reachability", "set_up_and_probe"]
