"""Which level runs next, and when to stop: samples and a clock go in, a decision comes out, and nothing is run."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tools.analysis.model import ENOUGH_SAMPLES, Concurrency

Samples: TypeAlias = Mapping[Concurrency, Sequence[float]]
"""Seconds of the runs so far, of each level that can be measured, in the order of the levels."""

WIDTH = 0.05  # a level is known well enough once its 95 % interval reaches no further than this fraction to either side
MOST_SAMPLES = 200


@dataclass(frozen=True)
class Rules:
    """When it is enough: after `repeat` runs of each level, whatever they show; None goes on until the intervals are
    narrow. Once each level has `ENOUGH_SAMPLES` runs, no round begins that would probably end after the budget.
    """

    repeat: int | None = None
    budget_seconds: float = 30.0


def next_level(samples: Samples, elapsed: float, rules: Rules) -> Concurrency | None:
    """The level to run next, None to stop. Each runs once a round, and every second round goes backwards: what the
    machine does meanwhile meets all of them alike.
    """
    if not samples:
        return None
    done = min(map(len, samples.values()))
    left = [level for level, seconds in samples.items() if len(seconds) == done]
    if len(left) == len(samples) and _is_enough(samples, done, elapsed, rules):
        return None
    return left[-1] if done % 2 else left[0]


def seconds_left(samples: Samples, elapsed: float, rules: Rules) -> float | None:
    """About how long it will take from now on, None before there is a run to go by."""
    known = {level: statistics.fmean(seconds) for level, seconds in samples.items() if seconds}
    if not known:
        return None
    dearest = max(known.values())
    runs = {level: known.get(level, dearest) for level in samples}
    fewest = rules.repeat or ENOUGH_SAMPLES
    at_least = sum(max(0, fewest - len(samples[level])) * each for level, each in runs.items())
    if rules.repeat is not None:
        return at_least
    wanted = max((_wanted(seconds) for seconds in samples.values()), default=0)
    in_all = sum(max(0, wanted - len(samples[level])) * each for level, each in runs.items())
    return max(at_least, min(in_all, rules.budget_seconds - elapsed), 0.0)


def reach(seconds: Sequence[float]) -> float:
    """How far the 95 % interval of the geometric mean reaches, as a fraction of it; infinite for a single sample."""
    if len(seconds) < 2:
        return math.inf
    from scipy.special import stdtrit  # when there is something to look at: it is slow to import

    spread = statistics.stdev(map(math.log, seconds))
    return math.expm1(float(stdtrit(len(seconds) - 1, 0.975)) * spread / math.sqrt(len(seconds)))


def _is_enough(samples: Samples, done: int, elapsed: float, rules: Rules) -> bool:
    if done < (rules.repeat or ENOUGH_SAMPLES):
        return False
    if done >= (rules.repeat or MOST_SAMPLES) or all(reach(seconds) <= WIDTH for seconds in samples.values()):
        return True
    round_seconds = sum(statistics.fmean(seconds) for seconds in samples.values())
    return elapsed + round_seconds > rules.budget_seconds


def _wanted(seconds: Sequence[float]) -> int:
    """How many samples it takes in all, as far as these tell: the interval narrows with the root of their number."""
    if len(seconds) < 2:
        return ENOUGH_SAMPLES
    wanted = len(seconds) * (reach(seconds) / WIDTH) ** 2
    return math.ceil(min(max(wanted, ENOUGH_SAMPLES), MOST_SAMPLES))
