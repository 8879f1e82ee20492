"""What is to be measured, in which order: pure data that follows from a seed."""

import hashlib
import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvmlab.errors import SpecError
from kvmlab.experiment.factors import FACTORS, Level, check_factor
from kvmlab.measure.facts import check_range

#: What can be measured at a point, with the columns that come of it.
MEASURES: Mapping[str, tuple[str, ...]] = {
    "ping": ("rtt_min_ms", "rtt_median_ms", "rtt_p99_ms", "rtt_jitter_ms", "ping_loss_percent"),
    "tcp": ("tcp_mbit_s", "tcp_retransmits"),
    "udp": ("udp_offered_mbit_s", "udp_mbit_s", "udp_packets_per_s", "udp_loss_percent", "udp_jitter_ms"),
    "requests": ("request_median_ms", "request_p99_ms", "requests_per_s"),
    "connects": ("connect_median_ms", "connects_per_s"),
    "cpu": ("qemu_cpu_s_per_gbyte", "guest_cpu_s_per_gbyte"),
    "interrupts": ("nic_interrupts_per_mbyte",),
    "drops": ("dropped_packets",),
}
#: Those that are read before and after the TCP traffic.
METERS = ("cpu", "interrupts", "drops")


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement of one point.

    Attributes
    ----------
    index
        Its place in the order of the plan, from 0.
    repeat
        Which measurement of its point it is, from 0.
    point
        Level of each factor.
    """

    index: int
    repeat: int
    point: Mapping[str, Level]

    @property
    def label(self) -> str:
        """What differs from the defaults, for people."""
        shown = [str(v) for name, v in self.point.items() if v != FACTORS[name].default]
        return " ".join(shown) or "defaults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An experiment: every combination of the levels of its factors, measured several times.

    All points are measured once, in random order, before any is measured for
    the second time, in another order: what changes slowly on a machine (load,
    temperature) then falls on all points alike.

    Parameters
    ----------
    factors
        Levels by name of the factor: some of :data:`~kvmlab.experiment.factors.FACTORS`.
        Those not named have their default.
    repeats
        How often each point is measured, 1-1000.
    measures
        What is measured at each point: some of :data:`MEASURES`.
    duration_s
        Whole seconds of traffic of each measurement, 1-600.
    warmup_s
        Whole seconds of TCP traffic that are not counted after a guest has started, 0-60.
    pings
        Requests of each ping, 1-10000.
    seed
        Of the random order.

    Raises
    ------
    SpecError
        If a factor, a level or a measure is unknown, or a number out of its range.

    Examples
    --------
    >>> plan = Plan(factors={"mode": ["nat", "bridged"], "model": ["virtio"]}, repeats=2)
    >>> [(trial.repeat, trial.point["mode"]) for trial in plan.trials()]
    [(0, 'nat'), (0, 'bridged'), (1, 'nat'), (1, 'bridged')]
    """

    factors: Mapping[str, Sequence[Level]]
    repeats: int = 5
    measures: Sequence[str] = ("ping", "tcp")
    duration_s: int = 2
    warmup_s: int = 1
    pings: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        for name, levels in self.factors.items():
            check_factor(name, levels)
        frozen = {name: tuple(levels) for name, levels in self.factors.items()}
        object.__setattr__(self, "factors", frozen)
        object.__setattr__(self, "measures", tuple(self.measures))
        for what, value, low, high in (
            ("repeats", self.repeats, 1, 1000),
            ("duration_s", self.duration_s, 1, 600),
            ("warmup_s", self.warmup_s, 0, 60),
            ("pings", self.pings, 1, 10_000),
        ):
            check_range(what, value, low, high)
            if value != int(value):
                raise SpecError(f"{what} is {value!r}", hint="use a whole number")
        self._check_measures()

    def _check_measures(self) -> None:
        unknown = [name for name in self.measures if name not in MEASURES]
        if unknown or not self.measures:
            what = f"measure {unknown[0]!r} is unknown" if unknown else "nothing is to be measured"
            raise SpecError(what, hint=f"measures: {', '.join(MEASURES)}")
        meters = [name for name in self.measures if name in METERS]
        if meters and "tcp" not in self.measures:
            raise SpecError(
                f"{meters[0]!r} is measured while there is TCP traffic", hint="add 'tcp' to measures"
            )
        if "requests" in self.measures and self.duration_s < 2:
            raise SpecError("requests need 2 s or more", hint="use duration_s=2")

    @property
    def points(self) -> tuple[dict[str, Level], ...]:
        """Every combination of levels, with the defaults of all other factors."""
        defaults = {name: factor.default for name, factor in FACTORS.items()}
        combinations = itertools.product(*self.factors.values())
        return tuple({**defaults, **dict(zip(self.factors, levels, strict=True))} for levels in combinations)

    def trials(self) -> tuple[Trial, ...]:
        """Return all measurements in their order, which follows from the seed."""
        found: list[Trial] = []
        for repeat in range(self.repeats):
            block = list(self.points)
            random.Random(f"{self.seed}/{repeat}").shuffle(block)
            found += [Trial(len(found) + place, repeat, point) for place, point in enumerate(block)]
        return tuple(found)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of what is measured, with units in their names."""
        return tuple(column for name in self.measures for column in MEASURES[name])

    @property
    def digest(self) -> str:
        """Tells two plans apart."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "factors": {name: list(levels) for name, levels in self.factors.items()},
            "repeats": self.repeats,
            "measures": list(self.measures),
            "duration_s": self.duration_s,
            "warmup_s": self.warmup_s,
            "pings": self.pings,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Plan":
        """Return the plan that :meth:`to_dict` made this of.

        Raises
        ------
        SpecError
            If it is none.
        """
        try:
            return cls(**found)
        except TypeError as error:
            raise SpecError(f"this is no plan of an experiment: {error}") from error
