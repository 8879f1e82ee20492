"""Figures that describe many samples; None where there are too few to say."""

import math
from collections.abc import Sequence
from itertools import pairwise


def quantile(samples: Sequence[float], share: float) -> float | None:
    """Return the value below which a share of the samples lies.

    Parameters
    ----------
    samples
        In any order.
    share
        0.0-1.0; 0.5 is the median.

    Returns
    -------
    float or None
        Interpolated between the two nearest samples (type 7 of Hyndman and
        Fan, 1996; what numpy and R do by default). None without samples.

    Examples
    --------
    >>> quantile([4, 1, 3, 2], 0.5), quantile([1, 2], 0.75), quantile([], 0.5)
    (2.5, 1.75, None)
    """
    if not samples:
        return None
    ordered = sorted(samples)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def mean(samples: Sequence[float]) -> float | None:
    """Return the arithmetic mean; None without samples."""
    return math.fsum(samples) / len(samples) if samples else None


def mean_step(samples: Sequence[float]) -> float | None:
    """Return the mean absolute difference of successive samples.

    None with fewer than two samples.

    Examples
    --------
    >>> mean_step([1.0, 3.0, 2.0]), mean_step([1.0])
    (1.5, None)
    """
    return mean([abs(b - a) for a, b in pairwise(samples)])
