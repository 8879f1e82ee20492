"""How sure a median is: bootstrap confidence intervals.

The bootstrap draws samples of the same size from the samples themselves, with
replacement, many times, and looks at how far the medians of those lie apart
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: the
percentile interval). It asks for no normal distribution, which round-trip
times and throughputs do not have. Of five repeats it is little more than their
range: few repeats say little, and the interval shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvmlab.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Share of the intervals that hold the true median, if it could be known.
CONFIDENCE = 0.95
#: Drawn samples: with more the ends of an interval move by less than they are worth.
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, or a ratio of medians, and its confidence interval.

    Attributes
    ----------
    middle
        The median of the samples.
    low, high
        Ends of the interval; None of a single sample, which says nothing of its spread.
    count
        Samples that it is of.
    """

    middle: float
    low: float | None
    high: float | None
    count: int

    def overlaps(self, other: "Interval") -> bool:
        """Tell whether two intervals have a value in common; unknown ones have."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return True
        return self.low <= other.high and other.low <= self.high

    def holds(self, value: float) -> bool:
        """Tell whether a value lies in the interval; in an unknown one it may."""
        return self.low is None or self.high is None or self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.middle:.4g} (n={self.count})"
        return f"{self.middle:.4g} ({self.low:.4g} to {self.high:.4g}, n={self.count})"


def median_interval(samples: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the median of samples with its confidence interval.

    Parameters
    ----------
    samples
        One or more, in any order.
    seed
        Of the draws: the same seed gives the same interval.

    Raises
    ------
    SpecError
        If there are no samples.

    Examples
    --------
    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    Interval(middle=3.0, low=1.0, high=5.0, count=5)
    >>> print(median_interval([7.0]))
    7 (n=1)
    """
    values = _checked(samples)
    if len(values) == 1:
        return Interval(float(values[0]), None, None, 1)
    return _interval(float(_median(values[None, :])[0]), _medians(values, seed), len(values))


def ratio_interval(samples: Sequence[float], baseline: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the ratio of two medians with its confidence interval.

    Parameters
    ----------
    samples, baseline
        One or more each, not measured in pairs; the medians of the baseline are above 0.
    seed
        Of the draws.

    Raises
    ------
    SpecError
        If there are no samples, or those of the baseline are not above 0.
    """
    one, other = _checked(samples), _checked(baseline)
    if (other <= 0).any():
        raise SpecError("a ratio to nothing is no figure", hint="the baseline must be above 0")
    middle = float(_median(one[None, :])[0] / _median(other[None, :])[0])
    count = min(len(one), len(other))
    if count == 1:
        return Interval(middle, None, None, 1)
    return _interval(middle, _medians(one, seed) / _medians(other, seed + 1), count)


def difference_interval(samples: Sequence[float], baseline: Sequence[float], *, seed: int = 0) -> Interval:
    """Return the difference of two medians with its confidence interval.

    Parameters
    ----------
    samples, baseline
        One or more each, not measured in pairs.
    seed
        Of the draws.

    Raises
    ------
    SpecError
        If there are no samples.
    """
    one, other = _checked(samples), _checked(baseline)
    middle = float(_median(one[None, :])[0] - _median(other[None, :])[0])
    count = min(len(one), len(other))
    if count == 1:
        return Interval(middle, None, None, 1)
    return _interval(middle, _medians(one, seed) - _medians(other, seed + 1), count)


def _checked(samples: Sequence[float]) -> "NDArray[Any]":
    import numpy as np

    if not len(samples):
        raise SpecError("there are no samples to take a median of")
    return np.asarray(samples, dtype=float)


def _medians(values: "NDArray[Any]", seed: int) -> "NDArray[Any]":
    import numpy as np

    return _median(np.random.default_rng(seed).choice(values, size=(RESAMPLES, len(values))))


def _median(rows: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    return np.asarray(np.median(rows, axis=1))


def _interval(middle: float, drawn: "NDArray[Any]", count: int) -> Interval:
    import numpy as np

    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(middle, float(low), float(high), count)
