"""Experiments: a plan of factors and repeats, run in random order, its results in one tidy table.

Its names are loaded when they are first used: a plan takes no lab.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmlab.experiment.factors import FACTORS
    from kvmlab.experiment.plan import MEASURES, Plan
    from kvmlab.experiment.results import Results
    from kvmlab.experiment.run import run_experiment
    from kvmlab.experiment.site import LabSite

_HOMES = {
    "FACTORS": "factors",
    "LabSite": "site",
    "MEASURES": "plan",
    "Plan": "plan",
    "Results": "results",
    "run_experiment": "run",
}

__all__ = ["FACTORS", "MEASURES", "LabSite", "Plan", "Results", "run_experiment"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kvmlab.experiment' has no attribute {name!r}")
    return getattr(import_module(f"kvmlab.experiment.{_HOMES[name]}"), name)
