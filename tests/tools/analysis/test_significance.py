"""Intervals hold what they promise, whatever the noise looks like."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from made_data_sets import measured_level, summarised_level

RATIO = 3.0
REPETITIONS = 600

Noise = Callable[[np.random.Generator, int], np.ndarray]
NOISES: dict[str, Noise] = {
    "log-normal": lambda random, count: np.exp(random.normal(0, 0.1, count)),
    "long tail": lambda random, count: 1 + random.exponential(0.2, count),
    "outliers": lambda random, count: (
        np.exp(random.normal(0, 0.05, count)) * np.where(random.random(count) < 0.15, 1 + random.exponential(0.5), 1)
    ),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("samples", [2, 3, 5, 10])
def test_the_interval_holds_the_true_ratio_nineteen_times_of_twenty(noise: str, samples: int) -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(REPETITIONS):
        one = measured_level(1, NOISES[noise](random, samples) * RATIO)
        other = measured_level(5, NOISES[noise](random, samples))
        interval = one.interval_over(other)
        assert interval is not None
        held += interval[0] <= RATIO <= interval[1]
    assert held / REPETITIONS > 0.93


def test_equal_work_is_rarely_called_slower() -> None:
    random = np.random.default_rng(2)
    pairs = [[measured_level(1, NOISES["long tail"](random, 5)) for _ in range(2)] for _ in range(REPETITIONS)]
    assert sum(one.is_slower(other) for one, other in pairs) / REPETITIONS < 0.04


def test_the_interval_holds_the_ratio_of_the_medians() -> None:
    one, other = measured_level(1, [1.0, 1.0, 1.0, 1.0, 90.0]), measured_level(5, [0.9, 1.0, 1.0, 1.0, 1.1])
    interval = one.interval_over(other)
    assert interval is not None
    assert interval[0] <= 1.0 <= interval[1]


@pytest.mark.parametrize("samples", [[4.0], [4.0] * 5, [0.1] * 10])
def test_one_sample_and_samples_without_spread_have_no_interval(samples: list[float]) -> None:
    spread = measured_level(5, [1.9, 2.0, 2.1])
    assert measured_level(1, samples).interval_over(spread) is None
    assert spread.interval_over(measured_level(1, samples)) is None
    assert summarised_level(1, 4.0, 9).interval_over(spread) is None


def test_an_interval_is_a_number_however_unsure() -> None:
    low, high = measured_level(1, [1e-9, 1e9]).interval_over(measured_level(5, [1e-9, 1e9])) or (0.0, 0.0)
    assert 0 < low < 1 < high < math.inf


def test_quartiles_stand_in_for_samples() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(REPETITIONS):
        full = [measured_level(n, NOISES["log-normal"](random, 9) * ratio) for n, ratio in ((1, RATIO), (5, 1.0))]
        one, other = (replace(level, samples=()) for level in full)
        low, high = one.interval_over(other) or (0.0, 0.0)
        held += low <= RATIO <= high
    assert held / REPETITIONS > 0.93
