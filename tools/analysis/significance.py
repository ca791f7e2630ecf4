"""How sure a ratio of two times is.

Times have long tails to the right and their noise grows with them, so they are compared by their logarithms: the
difference of the means of the logarithms, with Welch's interval (unequal variances), is the logarithm of the ratio.
"""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple, Protocol

CONFIDENCE = 0.95
_FURTHEST = 700.0
# Quartiles know as much of a spread as this share of the samples.
_EFFICIENCY = 0.37

Interval = tuple[float, float]


class _Sample(NamedTuple):
    """A mean, the variance of that mean, and its degrees of freedom."""

    mean: float
    error: float
    degrees: float


class Timed(Protocol):
    """Anything that was timed: a level, a peer."""

    @property
    def samples(self) -> tuple[float, ...]: ...
    @property
    def sample_count(self) -> int: ...
    @property
    def median_seconds(self) -> float | None: ...
    @property
    def q25_seconds(self) -> float | None: ...
    @property
    def q75_seconds(self) -> float | None: ...


def ratio_interval(above: Timed, below: Timed) -> Interval | None:
    """The 95 % interval of the time of `above` over that of `below`.

    None where one of them has no time, a single sample, or samples without any spread: they order nothing.
    The interval always holds the ratio of the medians, which is the number a report shows: where an outlier pulls
    the means away from it, the interval is widened to it.
    """
    one, other = _logarithms(above), _logarithms(below)
    if one is None or other is None or not above.median_seconds or not below.median_seconds:
        return None
    shown = above.median_seconds / below.median_seconds
    low, high = _welch(one, other)
    return min(math.exp(low), shown), max(math.exp(high), shown)


def is_slower(one: Timed, other: Timed) -> bool:
    """Whether `one` is shown to take longer than `other`: the interval of the ratio lies above 1."""
    interval = ratio_interval(one, other)
    return interval is not None and interval[0] > 1.0


def _logarithms(timed: Timed) -> _Sample | None:
    """What is known of the logarithms.

    asv keeps no samples unless it is told to; then the standard deviation is estimated from the quartiles
    (X. Wan et al., BMC Medical Research Methodology 14:135, 2014).
    """
    if len(timed.samples) > 1:
        logarithms = [math.log(sample) for sample in timed.samples]
        count = len(logarithms)
        found = _Sample(statistics.fmean(logarithms), statistics.variance(logarithms) / count, count - 1)
    elif timed.sample_count > 1 and timed.median_seconds and timed.q25_seconds and timed.q75_seconds:
        count = timed.sample_count
        width = 2 * statistics.NormalDist().inv_cdf((0.75 * count - 0.125) / (count + 0.25))
        variance = (math.log(timed.q75_seconds / timed.q25_seconds) / width) ** 2
        found = _Sample(math.log(timed.median_seconds), variance / count, _EFFICIENCY * (count - 1))
    else:
        return None
    # Equal samples differ by the rounding of their mean alone.
    return found if found.error > 1e-26 else None


def _welch(one: _Sample, other: _Sample) -> Interval:
    """The interval of the difference of two means whose variances may differ (B. L. Welch, 1947)."""
    # Loaded when there is something to compare: it is slow to import.
    from scipy.special import stdtrit

    difference, error = one.mean - other.mean, one.error + other.error
    degrees = error**2 / sum(sample.error**2 / sample.degrees for sample in (one, other))
    reach = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * math.sqrt(error)
    # Two samples can be so unsure that the ratio is no number any more.
    return max(difference - reach, -_FURTHEST), min(difference + reach, _FURTHEST)
