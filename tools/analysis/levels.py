"""A history of runs: on which level it was before what is judged, and where the level changed."""

import statistics
from collections.abc import Sequence

from .certainty import FALSE_ALARM, RunSpread, Samples, between_runs, log_levels
from .metrics import Metric

LASTING = 3  # so many commits in a row on another level than before are a lasting change


def level_before(runs: Sequence[Samples], judged: Samples, spread: RunSpread, metric: Metric) -> Sequence[Samples]:
    """The level before: where it is of a commit or two, an accident perhaps, the one before that if that is nearer."""
    last = _settled(runs, spread, metric)
    if len(last) >= LASTING or len(last) == len(runs):
        return last
    earlier = _settled(runs[: -len(last)], spread, metric)
    (goal,) = log_levels([judged[1]])
    return min(last, earlier, key=lambda side: abs(statistics.median(log_levels([x for _, x in side])) - goal))


def _settled(runs: Sequence[Samples], spread: RunSpread, metric: Metric) -> Sequence[Samples]:
    """The runs since the last lasting change, which is no news and must not blur what is normal now."""
    while len(runs) > 1:
        split = best_split(runs, range(1, len(runs)))
        before, after = ([x for _, x in side] for side in (runs[:split], runs[split:]))
        found = between_runs(before, after, spread, steady=metric.nature == "memory")
        if found is None or found.p_value * len(runs) >= FALSE_ALARM or not metric.is_large(found.ratio):
            break
        runs = runs[split:]
    return runs


def best_split(runs: Sequence[Samples], places: Sequence[int]) -> int:
    """Where the level changed, if it did: the place that leaves the least deviation on both sides."""
    levels = log_levels([samples for _, samples in runs])

    def left_over(place: int) -> float:
        sides = (levels[:place], levels[place:])
        return sum(abs(level - middle) for side in sides for middle in [statistics.median(side)] for level in side)

    return min(places, key=left_over)
