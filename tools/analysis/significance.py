"""How sure a ratio of two times is.

Times have long tails to the right and their noise grows with them, so they are compared by their logarithms: the
difference of the means of the logarithms, with Welch's interval (unequal variances), is the logarithm of the ratio.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

CONFIDENCE = 0.95
# With two samples Student's t is so wide that an interval says nothing.
MINIMUM_SAMPLES = 3

Interval = tuple[float, float]


class Timed(Protocol):
    """Anything that was timed: a level, a peer."""

    @property
    def samples(self) -> tuple[float, ...]: ...
    @property
    def median_seconds(self) -> float | None: ...
    @property
    def q25_seconds(self) -> float | None: ...
    @property
    def q75_seconds(self) -> float | None: ...


def ratio_interval(above: Timed, below: Timed, *, comparisons: int = 1) -> Interval | None:
    """The 95 % interval of the time of `above` over that of `below`; None where there are too few samples.

    Of several `comparisons` made at once, all hold with 95 % together (Bonferroni).

    It always holds the ratio of the medians, which is the number a report shows: where an outlier pulls the means
    away from it, the interval is widened to it.
    """
    if min(len(above.samples), len(below.samples)) < MINIMUM_SAMPLES:
        return None
    assert above.median_seconds is not None
    assert below.median_seconds is not None
    shown = above.median_seconds / below.median_seconds
    low, high = _welch(np.log(above.samples), np.log(below.samples), 1 - (1 - CONFIDENCE) / comparisons)
    return min(math.exp(low), shown), max(math.exp(high), shown)


def is_slower(one: Timed, other: Timed, *, comparisons: int = 1) -> bool:
    """Whether `one` is shown to take longer than `other`, which may be the luckiest of several.

    With enough samples: the interval of the ratio lies above 1. With fewer: the medians are further apart than the
    wider of the quartile ranges.
    """
    assert one.median_seconds is not None
    assert other.median_seconds is not None
    interval = ratio_interval(one, other, comparisons=comparisons)
    if interval is not None:
        return interval[0] > 1.0
    return one.median_seconds - other.median_seconds >= max(_spread(one), _spread(other)) and (
        one.median_seconds > other.median_seconds
    )


def can_be_told_apart(one: Timed, other: Timed) -> bool:
    """Whether their order is shown."""
    return is_slower(one, other) or is_slower(other, one)


def _welch(one: np.ndarray, other: np.ndarray, confidence: float) -> Interval:
    """The interval of the difference of two means whose variances may differ (B. L. Welch, 1947)."""
    # Loaded when there is something to compare: it is slow to import.
    from scipy.special import stdtrit

    difference = float(one.mean() - other.mean())
    parts = [float(x.var(ddof=1)) / len(x) for x in (one, other)]
    variance = sum(parts)
    if variance == 0.0:
        return difference, difference
    degrees = variance**2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, (one, other), strict=True))
    reach = float(stdtrit(degrees, (1 + confidence) / 2)) * math.sqrt(variance)
    return difference - reach, difference + reach


def _spread(timed: Timed) -> float:
    """The quartile range; one run tells nothing about it."""
    if timed.q25_seconds is None or timed.q75_seconds is None:
        return 0.0
    return timed.q75_seconds - timed.q25_seconds
