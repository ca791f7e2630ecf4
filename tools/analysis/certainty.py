"""How sure a difference is. Everything works on logarithms, so a change is a ratio and swapping the sides mirrors it.

Times have long tails to the right and their noise grows with them, which is what logarithms are for. Between commits
the unit of evidence is the process, not the call: samples of one process share its memory layout and the mood of the
machine, so one value stands for each process wherever processes can be told apart. Between the levels of one run it is
the sample.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

from .metrics import Measured

CONFIDENCE = 0.95
FALSE_ALARM = 0.01  # the chance that a table with no change in it calls one
MINIMUM_RUNS = 6  # commits that it takes to know how much a benchmark swings from run to run
ENOUGH_ALIKE, MOST_ALIKE = 5, 30.0  # so many benchmarks tell what is usual, and so many degrees it counts at most
ASSUMED_RUN_SPREAD = 0.03  # what is taken for that swing while it is not known: a fraction, one standard deviation
LEAST_RUN_SPREAD = 0.005
DISTURBED, LEAST_DISTURBANCE = 5.0, 0.1
"""A round counts as disturbed so many robust standard deviations above the others, and by this fraction at least."""
UNLIKE_BEFORE = 9.0  # so many times the variance of the runs before within a run: it was disturbed
QUARTILES_EFFICIENCY = 0.37  # quartiles know as much of a spread as this share of the samples
MOST_RANKED = 200  # samples of a side that are compared with each of the other
_FURTHEST = 700.0  # the largest logarithm: two samples can be so unsure that their ratio is no number any more
_NORMAL_DEGREES = 1e12  # with so many, Student's distribution is the normal one
_NORMAL = statistics.NormalDist()
_TWO_SIDED = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)
_MAD_TO_DEVIATION = 1 / _NORMAL.inv_cdf(0.75)
_QUARTILE_TO_MEAN = 1.86  # the variance of a quartile of many samples by that of their mean

_Part: TypeAlias = tuple[float, float]  # a variance and its degrees of freedom
Samples: TypeAlias = tuple[str, Sequence[float]]  # of one commit


@dataclass(frozen=True)
class Difference:
    """What two sides say: the ratio of the second to the first with its 95 % interval, and how probable chance is."""

    ratio: float
    low: float
    high: float
    p_value: float


def ratio_interval(above: Measured, below: Measured) -> tuple[float, float] | None:
    """The 95 % interval of the time of `above` over that of `below`, by Welch's method (unequal variances, 1947).

    None where one of them has no time, a single sample, or samples without any spread: they order nothing. It always
    holds the ratio of the medians, which a report shows: where an outlier pulls the means away, it is widened.
    """
    one, other = _mean_logarithm(above), _mean_logarithm(below)
    if one is None or other is None or not above.value or not below.value:
        return None
    shown = above.value / below.value
    found = _student(one[0] - other[0], [one[1], other[1]])
    return min(found.low, shown), max(found.high, shown)


def _mean_logarithm(one: Measured) -> tuple[float, _Part] | None:
    """The mean of the logarithms, and how sure it is.

    asv keeps no samples unless it is told to; then the standard deviation is estimated from the quartiles
    (X. Wan et al., BMC Medical Research Methodology 14:135, 2014).
    """
    count = one.sample_count
    if len(one.samples) > 1:
        logarithms = [math.log(sample) for sample in one.samples]
        count, degrees = len(logarithms), float(len(logarithms) - 1)
        mean, variance = statistics.fmean(logarithms), statistics.variance(logarithms)
    elif count > 1 and one.value and one.q25 and one.q75:
        width = 2 * _NORMAL.inv_cdf((0.75 * count - 0.125) / (count + 0.25))
        variance = (math.log(one.q75 / one.q25) / width) ** 2
        mean, degrees = math.log(one.value), QUARTILES_EFFICIENCY * (count - 1)
    else:
        return None
    # Equal samples differ by the rounding of their mean alone.
    return (mean, (variance / count, degrees)) if variance / count > 1e-26 else None


@dataclass(frozen=True)
class RunSpread:
    """How much the median of a benchmark swings from run to run, as a standard deviation of its logarithm."""

    deviation: float
    degrees: float
    is_known: bool


def undisturbed(samples: Sequence[float], *, lower_is_better: bool = True) -> float:
    """The quartile of the samples at the better end: other work only makes worse, and one lucky one is a minimum."""
    if len(samples) == 1:
        return samples[0]
    lower, _, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return lower if lower_is_better else upper


def calm_rounds(base: Sequence[float], head: Sequence[float]) -> list[int]:
    """The rounds in which no process was hit as a whole, by a neighbour that took half of the machine for a second.

    One such round among twelve outweighs all others. It is known by the slower of its two processes, whichever that
    is: as this does not tell which side is slower, the signed-rank test stays exact.
    """
    slower = [math.log(max(pair)) for pair in zip(base, head, strict=True)]
    middle = statistics.median(slower)
    spread = statistics.median(abs(value - middle) for value in slower) * _MAD_TO_DEVIATION
    most = max(DISTURBED * spread, math.log1p(LEAST_DISTURBANCE))
    return [place for place, value in enumerate(slower) if value - middle <= most]


def between_rounds(base: Sequence[float], head: Sequence[float]) -> Difference:
    """Compare processes, a value each, that ran in pairs, one right after the other.

    Wilcoxon's signed-rank test on the ratios within the pairs: what drifts over minutes hits both sides of a pair and
    cancels. The estimate is the Hodges-Lehmann one, the median of the means of all pairs of ratios. Test and interval
    count the same means (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.2), so they cannot
    disagree; a mean of exactly zero counts on both sides.
    """
    ratios = [math.log(after) - math.log(before) for before, after in zip(base, head, strict=True)]
    means = sorted((one + other) / 2 for place, one in enumerate(ratios) for other in ratios[place:])
    chances = _signed_rank_chances(len(ratios))
    as_ratios = [math.exp(mean) for mean in means]
    fewer = min(sum(mean >= 1 for mean in as_ratios), sum(mean <= 1 for mean in as_ratios))
    p_value = min(1.0, 2 * chances[fewer])
    cut = max(0, sum(chance <= (1 - CONFIDENCE) / 2 for chance in chances) - 1)
    return Difference(math.exp(statistics.median(means)), as_ratios[cut], as_ratios[-1 - cut], p_value)


def between_runs(
    base: Sequence[Sequence[float]], head: Sequence[Sequence[float]], spread: RunSpread, *, steady: bool = False
) -> Difference | None:
    """Compare runs that took place at different times; each is the list of its samples, or of its one value.

    The error has two parts: the swing from run to run, and, while that is assumed and not measured, or the later
    samples scatter unlike those before, what the samples of each side leave open. Student's t with the degrees of
    freedom of Welch and Satterthwaite; with both parts the ranks of the samples must agree. What is `steady`, such as
    memory, has the first part alone. None where the swing is not known and the samples cannot tell either: one on a
    side, or all the same.
    """
    before, after = log_levels(base), log_levels(head)
    shift = statistics.median(after) - statistics.median(before)
    swing = spread.deviation**2 * (1 / len(before) + 1 / len(after))
    if steady:
        return _student(shift, [(swing, spread.degrees)])
    inside = [_variance_inside(side) for side in (base, head)]
    if spread.is_known and not _is_disturbed(inside[0], inside[1], sum(map(len, base)), sum(map(len, head))):
        return _student(shift, [(swing, spread.degrees)])
    if not all(degrees for _, degrees in inside) or not any(variance for variance, _ in inside):
        return None
    return _as_ranks_agree(_student(shift, [(swing, spread.degrees), *inside]), base, head, swing)


def _is_disturbed(base: _Part, head: _Part, of_base: int, of_head: int) -> bool:
    """Whether the samples of the later runs scatter far more than those before, whose scatter the swing tells."""
    return bool(base[1] and head[1]) and head[0] * of_head > UNLIKE_BEFORE * base[0] * of_base


def own_spread(runs: Sequence[Sequence[float]]) -> RunSpread:
    """Learn the swing from the differences between neighbouring runs. They share a run, which is worth a third of them
    (von Neumann 1941). They are cut off at three robust deviations, so that a lasting change does not count, or an
    accident, which is two: a third that is as large shows that the machine has two speeds.
    """
    differences = [after - before for before, after in pairwise(log_levels(runs))]
    sizes = sorted(map(abs, differences), reverse=True)
    most = max([3 * statistics.median(sizes) * _MAD_TO_DEVIATION, *sizes[2:3]])
    kept = [max(-most, min(most, difference)) for difference in differences]
    deviation = math.sqrt(statistics.fmean(difference**2 for difference in kept) / 2)
    return RunSpread(max(deviation, LEAST_RUN_SPREAD), len(differences) * 2 / 3, len(runs) >= MINIMUM_RUNS)


def usual_spread(every: Sequence[RunSpread]) -> RunSpread | None:
    """What the swings of several benchmarks have in common, and how alike they are, as degrees of freedom: the prior of
    the moderated t (G. Smyth, Statistical Applications in Genetics and Molecular Biology 3:3, 2004). None of a few.
    """
    if len(every) < ENOUGH_ALIKE:
        return None
    from scipy.special import digamma, polygamma

    halves = [one.degrees / 2 for one in every]
    logs = [2 * math.log(one.deviation) - digamma(x) + math.log(x) for one, x in zip(every, halves, strict=True)]
    excess = statistics.variance(logs) - statistics.fmean(float(polygamma(1, x)) for x in halves)
    half = (1 + math.sqrt(1 + 2 * excess)) / (2 * excess) if excess > 0 else math.inf  # trigamma(half) is the excess
    half = min(half, MOST_ALIKE / 2)
    variance = math.exp(statistics.fmean(logs) + float(digamma(half)) - math.log(half))
    return RunSpread(math.sqrt(variance), 2 * half, is_known=True)


def run_spread(runs: Sequence[Sequence[float]], usual: RunSpread | None = None) -> RunSpread:
    """The swing of a benchmark by its runs and by what is usual, which counts as its degrees of freedom say."""
    own = own_spread(runs) if len(runs) > 1 else RunSpread(0.0, 0.0, is_known=False)
    if usual is None:
        return own if own.is_known else RunSpread(ASSUMED_RUN_SPREAD, math.inf, is_known=False)
    degrees = own.degrees + usual.degrees
    deviation = math.sqrt(sum(one.deviation**2 * one.degrees for one in (own, usual)) / degrees)
    return RunSpread(deviation if own.is_known else max(deviation, ASSUMED_RUN_SPREAD), degrees, own.is_known)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979), which bounds the chance of one false alarm in the whole table."""
    places = sorted(range(len(p_values)), key=p_values.__getitem__)
    alone = (min(1.0, p_values[place] * (len(p_values) - rank)) for rank, place in enumerate(places))
    corrected = dict(zip(places, accumulate(alone, max), strict=True))
    return [corrected[place] for place in range(len(p_values))]


def _student(shift: float, parts: Sequence[_Part]) -> Difference:
    """The difference of logarithms with its error: variances that add up, each with its degrees of freedom."""
    variance = sum(part for part, _ in parts)
    error = math.sqrt(variance)
    loss = sum(part**2 / degrees for part, degrees in parts)
    from scipy.special import stdtr, stdtrit  # when there is something to compare: it is slow to import

    degrees = min(variance**2 / loss, _NORMAL_DEGREES) if loss else _NORMAL_DEGREES
    p_value = 2 * float(stdtr(degrees, -abs(shift) / error))
    reach = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error
    ends = (max(-_FURTHEST, min(_FURTHEST, end)) for end in (shift, shift - reach, shift + reach))
    ratio, low, high = map(math.exp, ends)
    return Difference(ratio, low, high, min(1.0, p_value))


def _as_ranks_agree(
    found: Difference, base: Sequence[Sequence[float]], head: Sequence[Sequence[float]], swing: float
) -> Difference:
    """Take a difference back that the ranks of the samples do not show.

    Where the samples of a run lie in two heaps, its median falls into one of them by chance. The median of all ratios
    of two samples does not; its interval is that of Hodges and Lehmann (Hollander, Wolfe and Chicken, 4.3, for large
    samples), made wider by that of the swing from run to run.
    """
    import numpy as np

    sides = [sorted(value for run in side for value in run) for side in (base, head)]
    # Of many samples as few as tell the same distribution.
    one, other = (np.log(side[:: -(-len(side) // MOST_RANKED)]) for side in sides)
    shifts = np.sort(np.subtract.outer(other, one), axis=None)
    half = len(shifts) / 2
    cut = max(0, int(half - _TWO_SIDED * math.sqrt(half * (len(one) + len(other) + 1) / 6)))
    reach = _TWO_SIDED * math.sqrt(swing)
    low, high = float(shifts[cut]) - reach, float(shifts[-1 - cut]) + reach
    if (low > 0 and found.ratio > 1) or (high < 0 and found.ratio < 1):
        return found
    ends = min(found.low, math.exp(max(-_FURTHEST, low))), max(found.high, math.exp(min(_FURTHEST, high)))
    return Difference(found.ratio, min(1.0, ends[0]), max(1.0, ends[1]), max(found.p_value, 1 - CONFIDENCE))


def _variance_inside(runs: Sequence[Sequence[float]]) -> _Part:
    """The variance of the quartile of all samples, by their scatter within the runs, and its degrees of freedom."""
    logarithms = [[math.log(value) for value in run] for run in runs]
    count = sum(map(len, runs))
    degrees = count - len(runs)
    if not degrees:
        return 0.0, 0.0
    squares = sum((value - middle) ** 2 for run in logarithms for middle in [statistics.fmean(run)] for value in run)
    return _QUARTILE_TO_MEAN * squares / degrees / count, float(degrees)


def log_levels(runs: Sequence[Sequence[float]]) -> list[float]:
    return [math.log(undisturbed(run)) for run in runs]


def _signed_rank_chances(count: int) -> list[float]:
    """How probable each sum of ranks or a smaller one is when nothing has changed."""
    ways = [1]
    for rank in range(1, count + 1):
        nothing = [0] * rank
        ways = [without + with_it for without, with_it in zip(ways + nothing, nothing + ways, strict=True)]
    return [below / 2**count for below in accumulate(ways)]
