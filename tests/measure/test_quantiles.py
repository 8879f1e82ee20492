"""Figures of samples."""

import pytest

from kvmlab.measure.quantiles import mean, mean_step, quantile


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.25, 1.75), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)]
)
def test_a_quantile_is_interpolated_as_numpy_does(share: float, expected: float) -> None:
    assert quantile([4, 1, 3, 2], share) == pytest.approx(expected)


def test_one_sample_is_each_of_its_quantiles() -> None:
    assert [quantile([7.0], share) for share in (0, 0.5, 0.99)] == [7.0, 7.0, 7.0]


def test_the_mean_is_arithmetic() -> None:
    assert mean([1.0, 2.0, 6.0]) == 3.0


def test_the_mean_step_counts_up_and_down_alike() -> None:
    assert mean_step([1.0, 4.0, 2.0, 2.0]) == pytest.approx(5 / 3)


def test_no_figure_is_made_up_without_samples() -> None:
    assert (quantile([], 0.5), mean([]), mean_step([]), mean_step([1.0])) == (None, None, None, None)
