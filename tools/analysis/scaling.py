"""How throughput grows with workers: Gunther's Universal Scalability Law.

    X(N) = X(1) N / (1 + contention (N - 1) + coherency N (N - 1))

Contention is the part that only one worker can do at a time; coherency is what each pair of workers costs each other,
and what makes throughput fall again. (N. Gunther, "Guerrilla Capacity Planning", 2007.)
"""

import math
from dataclasses import dataclass, replace

from tools.words import significant

from .model import DataSet

MINIMUM_LEVELS = 4  # the law has three unknowns: with three levels the curve goes through every point
LARGEST_MISS = 0.12  # a curve that misses a level by more does not describe it
HIGHEST_PLATEAU = 1.05  # a peak that is not this much above the largest level is none
FURTHEST_PEAK = 2.0  # and one further out than this many times the largest level is not predicted


@dataclass(frozen=True)
class ScalingLaw:
    """The fitted law: `single` is the throughput of one worker, in items a second (runs where these are not known).

    `largest_miss` is how far the curve is off the level that it fits worst, as a share of its throughput. At
    `peak_workers` the throughput is highest; None when that is beyond what the levels can tell.
    """

    single: float
    contention: float
    coherency: float
    largest_miss: float
    peak_workers: float | None

    def throughput(self, workers: float) -> float:
        cost = 1 + self.contention * (workers - 1) + self.coherency * workers * (workers - 1)
        return self.single * workers / cost


def fit(data_set: DataSet) -> ScalingLaw | None:
    """The law through the numbers of workers, weighted by relative error; None for fewer than four, or a bad fit."""
    points = [
        (level.concurrency, (level.items or data_set.items or 1) / level.median_seconds)
        for level in data_set.measured
        if isinstance(level.concurrency, int) and level.median_seconds
    ]
    if len(points) < MINIMUM_LEVELS:
        return None
    import numpy as np  # when there is something to fit: they are slow to import
    from scipy.optimize import nnls

    # N / X(N) is linear in three numbers that are not negative; times X(N) / N each level's relative error counts.
    n, x = (np.asarray(column, dtype=float) for column in zip(*points, strict=True))
    unit = float(x[0] / n[0])  # so that all is of the order of 1, whatever the unit of the throughput is
    weights = x / unit / n
    columns = np.column_stack([weights, weights * (n - 1), weights * n * (n - 1)])
    (first, serial, pairs), _ = nnls(columns, np.ones(len(n)))
    if first <= 0 or serial > first:
        return None
    law = ScalingLaw(float(unit / first), float(serial / first), float(pairs / first), 0.0, None)
    miss = max(abs(law.throughput(workers) / rate - 1) for workers, rate in points)
    peak = _peak(law, max(workers for workers, _ in points))
    return replace(law, largest_miss=miss, peak_workers=peak) if miss <= LARGEST_MISS else None


def law_in_words(found: ScalingLaw, largest: int) -> str:
    """The law in a sentence, with the numbers that show above the misses of the fit."""
    costs = {"contention": (found.contention, largest - 1), "coherency": (found.coherency, largest * (largest - 1))}
    words = [
        f"{name} {significant(value * 100)} %" if value * factor > found.largest_miss else f"no measurable {name}"
        for name, (value, factor) in costs.items()
    ]
    peak = "no peak within twice the largest level"
    if found.peak_workers is not None:
        peak = f"a predicted peak at {found.peak_workers:.0f} workers"
    miss = math.ceil(100 * found.largest_miss)
    return f"Universal Scalability Law: {', '.join(words)}, {peak} (every level within {miss} %)."


def _peak(law: ScalingLaw, largest: int) -> float | None:
    """Where the throughput is highest; on a plateau that depends on noise, and far out it is not known."""
    peak = max(1.0, math.sqrt((1 - law.contention) / max(law.coherency, 1e-9)))
    is_told = peak <= FURTHEST_PEAK * largest and law.throughput(peak) >= HIGHEST_PLATEAU * law.throughput(largest)
    return peak if is_told else None
