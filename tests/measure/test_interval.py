"""Confidence intervals: what they hold, on samples whose truth is known."""

import random

import pytest

from kvmlab.errors import SpecError
from kvmlab.measure.interval import Interval, difference_interval, median_interval, ratio_interval


def lognormal(rng: random.Random, count: int, *, factor: float = 1.0) -> list[float]:
    """Throughputs as they come here: skewed, with a spread of a fifth."""
    return [factor * rng.lognormvariate(6.0, 0.2) for _ in range(count)]


def test_of_one_sample_nothing_is_known_but_itself() -> None:
    assert median_interval([3.0]) == Interval(3.0, None, None, 1)


def test_no_samples_have_no_median() -> None:
    with pytest.raises(SpecError, match="no samples"):
        median_interval([])


def test_a_ratio_to_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="ratio to nothing"):
        ratio_interval([1.0], [0.0, 1.0])


def test_the_same_samples_give_the_same_interval() -> None:
    samples = lognormal(random.Random(1), 9)

    assert median_interval(samples) == median_interval(samples)


def test_an_interval_holds_the_true_median_as_often_as_it_says() -> None:
    rng, truth, runs = random.Random(7), 2.718281828**6, 400

    held = sum(median_interval(lognormal(rng, 9)).holds(truth) for _ in range(runs))

    assert 0.90 <= held / runs <= 0.99


def test_with_zero_effect_intervals_overlap_in_19_of_20_runs() -> None:
    overlapping = 0
    for seed in range(20):
        rng = random.Random(seed)
        first, second = median_interval(lognormal(rng, 5)), median_interval(lognormal(rng, 5))
        overlapping += first.overlaps(second)

    assert overlapping >= 19


def test_an_effect_that_is_there_is_seen() -> None:
    seen = 0
    for seed in range(20):
        rng = random.Random(seed)
        slow, fast = lognormal(rng, 5), lognormal(rng, 5, factor=3.0)
        seen += not median_interval(slow).overlaps(median_interval(fast))
        assert not ratio_interval(fast, slow).holds(1.0)

    assert seen >= 19


def test_without_an_effect_a_ratio_holds_1() -> None:
    held = 0
    for seed in range(20):
        rng = random.Random(seed)
        held += ratio_interval(lognormal(rng, 5), lognormal(rng, 5)).holds(1.0)

    assert held >= 18


def test_a_difference_is_seen_where_there_is_one() -> None:
    slow, fast = lognormal(random.Random(1), 9), lognormal(random.Random(2), 9, factor=3.0)

    found = difference_interval(fast, slow)

    assert not found.holds(0.0)
    assert difference_interval(slow, slow).holds(0.0)
    assert difference_interval([3.0], [1.0]) == Interval(2.0, None, None, 1)


def test_unknown_intervals_neither_exclude_nor_are_excluded() -> None:
    unknown = Interval(1.0, None, None, 1)

    assert unknown.holds(99.0)
    assert unknown.overlaps(Interval(5.0, 4.0, 6.0, 5))
