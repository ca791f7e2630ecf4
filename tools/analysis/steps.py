"""Where a history changed: the level that a new run is judged by, and the commit that brought a step."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from . import certainty
from .metrics import Metric
from .verdicts import FALSE_ALARM

Samples = tuple[str, Sequence[float]]  # of one commit
LASTING = 3  # so many commits in a row on another level than before are a lasting change


def level_before(runs: list[Samples], judged: Samples, spread: certainty.RunSpread, metric: Metric) -> list[Samples]:
    """What a run is judged by: the level of the runs before it.

    A level of a commit or two may be an accident of the machine, or of a benchmark that comes out one way or the other:
    where the judged run is nearer to the level before that, nothing new has happened.
    """
    last = _settled(runs, spread, metric)
    if len(last) >= LASTING or len(last) == len(runs):
        return last
    earlier = _settled(runs[: -len(last)], spread, metric)
    goal = math.log(median(judged[1]))
    return min(last, earlier, key=lambda side: abs(median(math.log(median(x)) for _, x in side) - goal))


def _settled(runs: list[Samples], spread: certainty.RunSpread, metric: Metric) -> list[Samples]:
    """The runs since the last lasting change, which is no news and must not blur what is normal now."""
    while len(runs) > 1:
        split = best_split(runs, range(1, len(runs)))
        difference = certainty.between_runs(
            [x for _, x in runs[:split]], [x for _, x in runs[split:]], spread, steady=metric.nature == "memory"
        )
        if difference is None or difference.p_value * len(runs) >= FALSE_ALARM:
            break
        if abs(math.log(difference.ratio)) <= math.log1p(metric.least_change):
            break
        runs = runs[split:]
    return runs


def best_split(runs: Sequence[Samples], places: Sequence[int]) -> int:
    """Where the level changed, if it did: the place that leaves the least deviation on both sides."""
    levels = [math.log(median(samples)) for _, samples in runs]

    def left_over(place: int) -> float:
        sides = (levels[:place], levels[place:])
        return sum(abs(level - middle) for side in sides for middle in [median(side)] for level in side)

    return min(places, key=left_over)


def largest_step(order: Sequence[str], values: Mapping[str, float]) -> str | None:
    """The commit whose step goes furthest in the direction of the whole change."""
    whole = values[order[-1]] - values[order[0]]
    steps = {b: (values[b] - values[a]) * (1 if whole > 0 else -1) for a, b in pairwise(order)}
    return max(steps, key=steps.__getitem__) if whole else None
