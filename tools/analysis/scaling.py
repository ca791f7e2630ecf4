"""How throughput grows with workers: Gunther's Universal Scalability Law.

    X(N) = X(1) N / (1 + contention (N - 1) + coherency N (N - 1))

Contention is the part that only one worker can do at a time; coherency is what each pair of workers costs each other,
and what makes throughput fall again. (N. Gunther, "Guerrilla Capacity Planning", 2007.)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .model import DataSet

# Three unknowns: with three levels the curve goes through every point, whatever they are.
MINIMUM_LEVELS = 4
# A curve that misses a level by more than this does not describe it.
LARGEST_MISS = 0.12
# A peak that is not this much above the largest level is none.
HIGHEST_PLATEAU = 1.05
# A peak further out than this many times the largest level is not predicted.
FURTHEST_PEAK = 2.0


@dataclass(frozen=True)
class ScalingLaw:
    """The fitted law.

    Attributes:
        single: Throughput of one worker, items a second (runs a second where the items are not known).
        contention: From 0 (nothing is serial) to 1 (everything is).
        coherency: 0 where workers do not disturb each other.
        largest_miss: How far the curve is off the level that it fits worst, as a share of its throughput.
        peak_workers: Where the throughput is highest; None when that is beyond what the levels can tell.
        peak_throughput: The throughput there.
    """

    single: float
    contention: float
    coherency: float
    largest_miss: float
    peak_workers: float | None
    peak_throughput: float | None

    def throughput(self, workers: float) -> float:
        return float(_law(workers, self.single, self.contention, self.coherency))


@dataclass(frozen=True)
class NoLaw:
    """Why there is no law, in words."""

    reason: str


def fit(data_set: DataSet) -> ScalingLaw | NoLaw:
    """Fit the law to the levels that are numbers, each weighted alike by its relative error."""
    levels = [(level.concurrency, level) for level in data_set.measured if isinstance(level.concurrency, int)]
    if len(levels) < MINIMUM_LEVELS:
        return NoLaw(f"it takes {MINIMUM_LEVELS} levels with a time, and there are {len(levels)}")
    workers = [float(concurrency) for concurrency, _ in levels]
    throughput = [(data_set.items or 1) / (level.median_seconds or math.nan) for _, level in levels]
    found = _fit(workers, throughput)
    if found is None:
        return NoLaw("the fit did not converge")
    single, contention, coherency = found
    misses = [_law(n, *found) / x - 1 for n, x in zip(workers, throughput, strict=True)]
    worst = max(range(len(misses)), key=lambda place: abs(misses[place]))
    if abs(misses[worst]) > LARGEST_MISS:
        return NoLaw(f"it misses the throughput of level {workers[worst]:g} by {abs(misses[worst]) * 100:.0f} %")
    peak = _peak(contention, coherency)
    at_peak = None if peak is None else _law(peak, *found)
    if peak is None or at_peak is None or peak > FURTHEST_PEAK * max(workers):
        peak = at_peak = None
    elif at_peak < HIGHEST_PLATEAU * _law(max(workers), *found):
        # A plateau: where exactly its highest place is depends on noise.
        peak = at_peak = None
    return ScalingLaw(single, contention, coherency, abs(misses[worst]), peak, at_peak)


def _law(workers: float, single: float, contention: float, coherency: float) -> float:
    return single * workers / (1 + contention * (workers - 1) + coherency * workers * (workers - 1))


def _fit(workers: Sequence[float], throughput: Sequence[float]) -> tuple[float, float, float] | None:
    # Loaded when there is something to fit: it is slow to import.
    from scipy.optimize import OptimizeWarning, curve_fit

    # X(1) has no value of its own where level 1 was not measured; logarithms make every relative error count alike.
    first = throughput[0] / workers[0]
    scaled = np.asarray(throughput) / first

    def logarithm(n: np.ndarray, single: float, contention: float, coherency: float) -> np.ndarray:
        return np.asarray(np.log(single * n / (1 + contention * (n - 1) + coherency * n * (n - 1))))

    try:
        with warnings.catch_warnings():
            # Flat data determine fewer than three numbers; the misses tell whether the curve is any good.
            warnings.simplefilter("ignore", OptimizeWarning)
            (single, contention, coherency), _ = curve_fit(
                logarithm,
                np.asarray(workers),
                np.log(scaled),
                p0=(1.0, 0.1, 0.001),
                bounds=([1e-3, 0.0, 0.0], [1e3, 1.0, 1.0]),
            )
    except (RuntimeError, ValueError):
        return None
    return float(single) * first, float(contention), float(coherency)


def _peak(contention: float, coherency: float) -> float | None:
    """Where the law has its maximum; with next to no coherency it has none."""
    if coherency < 1e-9:
        return None
    return max(1.0, math.sqrt((1 - contention) / coherency))
