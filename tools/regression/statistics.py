"""How sure a difference is. Everything works on logarithms, so a change is a ratio and swapping the sides mirrors it.

The unit of evidence is the process, not the call: samples of one process share its memory layout and the mood of the
machine, so one value stands for each process wherever processes can be told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
MINIMUM_SAMPLES = 6
"""A side; with fewer, Mann-Whitney can hardly tell anything."""
MINIMUM_RUNS = 6
"""Commits that it takes to know how much a benchmark swings from run to run."""
ASSUMED_RUN_SPREAD = 0.03
"""What is taken for that swing while it is not known: a fraction, one standard deviation."""
LEAST_RUN_SPREAD = 0.005
UNDISTURBED = 0.25
"""The quantile of its samples that stands for a process in interleaved rounds."""
DISTURBED = 5.0
"""Robust standard deviations above the other rounds from which on a round counts as disturbed,"""
LEAST_DISTURBANCE = 0.1
"""and as a fraction, so that what hardly swings loses none."""

Floats = NDArray[numpy.float64]


@dataclass(frozen=True)
class Difference:
    """What two sides say: the ratio of the second to the first with its interval, and how probable chance is."""

    ratio: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class RunSpread:
    """How much the median of a benchmark swings from run to run, as a standard deviation of its logarithm."""

    deviation: float
    degrees: float
    is_known: bool


def undisturbed(samples: Sequence[float], *, lower_is_better: bool) -> float:
    """What a process does when the machine lets it: the quartile of its samples at the better end.

    What else the machine does makes a sample worse and never better, so this swings less from process to process than
    the median. The minimum swings as little, but one lucky sample decides it.
    """
    return float(numpy.quantile(samples, UNDISTURBED if lower_is_better else 1 - UNDISTURBED))


def calm_rounds(base: Sequence[float], head: Sequence[float]) -> list[int]:
    """The rounds in which no process was hit as a whole, by a neighbour that took half of the machine for a second.

    One such round among twelve is enough for the signed-rank test to see nothing at all, as it weighs most. It is
    known by the slower of its two processes, whichever that is. This tells nothing of which side is slower, so that
    the test, which asks how the signs fall given the pairs, stays exact.
    """
    slower = numpy.log(numpy.maximum(base, head))
    above = slower - numpy.median(slower)
    spread = float(stats.median_abs_deviation(slower, scale="normal"))
    most = max(DISTURBED * spread, float(numpy.log1p(LEAST_DISTURBANCE)))
    return [place for place, distance in enumerate(above) if distance <= most]


def between_rounds(base: Sequence[float], head: Sequence[float]) -> Difference:
    """Compare processes, a value each, that ran in pairs, one right after the other.

    Wilcoxon's signed-rank test on the ratios within the pairs: what drifts over minutes hits both sides of a pair and
    cancels. The estimate is the Hodges-Lehmann one, the median of the means of all pairs of ratios, and its
    interval is the one that the test belongs to (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.2).
    """
    ratios = numpy.log(head) - numpy.log(base)
    means = numpy.sort([(ratios[i] + ratios[j]) / 2 for i in range(len(ratios)) for j in range(i, len(ratios))])
    cut = _signed_rank_cut(len(ratios))
    p_value = float(stats.wilcoxon(ratios, method="auto").pvalue) if numpy.any(ratios) else 1.0
    ends = (numpy.median(means), means[cut], means[-1 - cut])
    ratio, low, high = (float(numpy.exp(end)) for end in ends)
    return Difference(ratio, low, high, p_value)


def between_runs(base: Sequence[Sequence[float]], head: Sequence[Sequence[float]], spread: RunSpread) -> Difference:
    """Compare runs that took place at different times; each is the list of its samples, or of its one value.

    Two questions, and the larger p value counts, so that both must be answered with yes: do the samples differ
    (Mann-Whitney), and is the difference of the medians more than the swing from run to run explains (Student's t for
    new observations)? Many samples of one run make the first answer sure and say nothing about the second.
    """
    before, after = _medians(base), _medians(head)
    shift = float(numpy.median(after) - numpy.median(before))
    error = spread.deviation * float(numpy.sqrt(1 / len(before) + 1 / len(after)))
    p_value = 2 * float(stats.t.sf(abs(shift) / error, spread.degrees))
    pools = [numpy.concatenate([numpy.asarray(run, dtype=float) for run in side]) for side in (base, head)]
    if min(map(len, pools)) >= MINIMUM_SAMPLES:
        p_value = max(p_value, float(stats.mannwhitneyu(*pools).pvalue))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, spread.degrees)) * error
    ratio, low, high = (float(numpy.exp(shift + end)) for end in (0.0, -reach, reach))
    return Difference(ratio, low, high, p_value)


def run_spread(runs: Sequence[Sequence[float]]) -> RunSpread:
    """Learn the swing from the differences between neighbouring runs, so that a lasting change does not count as one.

    Differences beyond three robust deviations are cut off there. Neighbouring differences share a run, which is worth
    a third of them (von Neumann 1941).
    """
    if len(runs) < MINIMUM_RUNS:
        return RunSpread(ASSUMED_RUN_SPREAD, numpy.inf, is_known=False)
    differences = numpy.diff(_medians(runs))
    robust = float(numpy.median(numpy.abs(differences))) / float(stats.norm.ppf(0.75))
    kept = numpy.clip(differences, -3 * robust, 3 * robust)
    deviation = float(numpy.sqrt(numpy.mean(kept**2) / 2))
    return RunSpread(max(deviation, LEAST_RUN_SPREAD), len(differences) * 2 / 3, is_known=True)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979).

    Holm and not Benjamini-Hochberg: it bounds the chance of one false alarm in the whole table, and a table that
    cries wolf is not read a second time.
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        corrected[place] = highest
    return corrected


def smallest_p_value(rounds: int) -> float:
    """What the signed-rank test says when every pair points the same way."""
    return float(2.0 ** (1 - rounds))


def _medians(runs: Sequence[Sequence[float]]) -> Floats:
    return numpy.log([numpy.median(run) for run in runs])


def _signed_rank_cut(count: int) -> int:
    """How many of the sorted means lie outside the interval at each end."""
    ways = numpy.ones(1)
    for rank in range(1, count + 1):
        longer = numpy.zeros(len(ways) + rank)
        longer[: len(ways)] += ways
        longer[rank:] += ways
        ways = longer
    below = numpy.cumsum(ways) / 2.0**count
    return max(0, int(numpy.searchsorted(below, (1 - CONFIDENCE) / 2, side="right")) - 1)
