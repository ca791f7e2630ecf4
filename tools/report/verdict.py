"""What the numbers of one data set mean, in words, and only what they can carry."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from .model import BASELINE_CONCURRENCY, Concurrency, DataSet, Level, is_quick
from .text import listed, megabytes, sample_counts, times, times_exact, workers

# Speedups, against one worker, from which the words change.
SIGNIFICANT_SPEEDUP = 3.0
MODEST_SPEEDUP = 1.2
# A level pays when it has at least this much of the throughput of the level it is compared with.
PAYING_GAIN = 1.10
# A level is retrograde when it has less than this much of the throughput of a smaller one.
RETROGRADE_LOSS = 0.95

Effect = Literal["significant", "modest", "none", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """The judgement on one data set.

    `recommended` is the default to use: the smallest level over which no further level gains 10 % throughput
    or more. It is 1 when concurrency brings less than 1.2x, and None when nothing can be recommended.
    """

    effect: Effect
    best: str
    recommended: Concurrency | None
    sentences: tuple[str, ...]

    @property
    def best_line(self) -> str:
        """The line under the table."""
        return f"**Best Performance**: {self.best}"


def judge(data_set: DataSet) -> Verdict:
    """Judge the levels of one data set against each other; one with too few samples is told to be quick."""
    first: list[str] = []
    if is_quick([data_set]):
        count = sample_counts(data_set.levels)
        first = [f"This was a quick run ({count}): it is not a measurement."]
    last = _without_time(data_set)
    if len(data_set.measured) < 2:
        return Verdict(
            effect="unknown",
            best="cannot be judged, fewer than two levels have a time",
            recommended=None,
            sentences=(
                *first,
                "The effect of concurrency cannot be judged: fewer than two levels have a time.",
                *last,
            ),
        )
    effect = _effect(data_set)
    recommended = _recommended(data_set, effect)
    return Verdict(
        effect=effect,
        best=_best(data_set),
        recommended=recommended,
        sentences=(
            *first,
            _effect_sentence(data_set, effect, recommended),
            *_returns(data_set, effect, recommended),
            *_retrograde(data_set),
            _memory(data_set, recommended),
            *_order_unknown(data_set),
            *last,
        ),
    )


def _seconds(level: Level) -> float:
    assert level.median_seconds is not None, "only measured levels are compared"
    return level.median_seconds


def _fastest(levels: tuple[Level, ...]) -> Level:
    """The fastest level; of equals the first, which is the smallest."""
    return min(levels, key=_seconds)


def _counted(data_set: DataSet) -> tuple[Level, ...]:
    """The measured levels whose concurrency is a number."""
    return tuple(level for level in data_set.measured if isinstance(level.concurrency, int))


def _best(data_set: DataSet) -> str:
    best = _fastest(data_set.measured)
    if best.concurrency == BASELINE_CONCURRENCY:
        return "1 worker (sequential), nothing is faster"
    if best.speedup is None:
        return f"{workers(best.concurrency)}, speedup n/a"
    return f"{workers(best.concurrency)} with {times(best.speedup)} speedup"


def _effect(data_set: DataSet) -> Effect:
    speedup = _fastest(data_set.measured).speedup
    if speedup is None:
        return "unknown"
    if speedup >= SIGNIFICANT_SPEEDUP:
        return "significant"
    return "modest" if speedup >= MODEST_SPEEDUP else "none"


def _recommended(data_set: DataSet, effect: Effect) -> Concurrency | None:
    if effect == "none":
        return BASELINE_CONCURRENCY
    levels = _counted(data_set)
    fastest = _fastest(data_set.measured)
    if not levels or _seconds(_fastest(levels)) / _seconds(fastest) >= PAYING_GAIN:
        # The level found while running beats every number.
        return fastest.concurrency
    for place, level in enumerate(levels):
        if all(_seconds(level) / _seconds(further) < PAYING_GAIN for further in levels[place + 1 :]):
            break
    # One worker is no answer to a speedup worth having: then the fastest level is, which has no number.
    return fastest.concurrency if level.concurrency == BASELINE_CONCURRENCY else level.concurrency


def _effect_sentence(data_set: DataSet, effect: Effect, recommended: Concurrency | None) -> str:
    speedup = _fastest(data_set.measured).speedup
    if speedup is None:
        return f"Speedup is n/a: {data_set.speedup_missing_because}."
    found = times_exact(speedup)
    if effect == "significant":
        assert recommended is not None
        return f"Significant speedup ({found}): the work is I/O-bound, use a worker pool with {workers(recommended)}."
    if effect == "modest":
        assert recommended is not None
        return (
            f"Modest speedup ({found}): the work is mixed, partly I/O-bound and partly CPU-bound; "
            f"a pool with {workers(recommended)} takes what there is."
        )
    return f"No speedup worth having ({found}): the work is CPU-bound, stay sequential."


def _returns(data_set: DataSet, effect: Effect, recommended: Concurrency | None) -> list[str]:
    """Diminishing returns: where more workers stop paying."""
    levels = _counted(data_set)
    if recommended is None:
        return []
    if effect == "none" or isinstance(recommended, str) or len(levels) < 2:
        return [f"Recommended default: {workers(recommended)}."]
    further = [str(level.concurrency) for level in levels if _above(level, recommended)]
    if not further:
        return [
            f"Recommended default: {workers(recommended)}, the largest level measured; more workers still paid "
            "there, so measure larger levels too."
        ]
    each = "the further level" if len(further) == 1 else "each further level"
    return [
        f"Diminishing returns: more workers stop paying after {workers(recommended)}, the recommended default; "
        f"{each} ({', '.join(further)}) gains less than 10 % throughput over it."
    ]


def _above(level: Level, concurrency: int) -> bool:
    return isinstance(level.concurrency, int) and level.concurrency > concurrency


def _retrograde(data_set: DataSet) -> list[str]:
    levels = _counted(data_set)
    slower: list[str] = []
    for place, level in enumerate(levels[1:], start=1):
        smaller = _fastest(levels[:place])
        if _seconds(smaller) / _seconds(level) < RETROGRADE_LOSS:
            slower.append(f"{workers(level.concurrency)} than {smaller.concurrency}")
    return [f"Retrograde, slower with more workers: {listed(slower)}."] if slower else []


def _memory(data_set: DataSet, recommended: Concurrency | None) -> str:
    known = [level for level in data_set.measured if level.peak_bytes is not None]
    if not known:
        return "Memory was not measured."
    low = known[0]
    high = next((level for level in known if level.concurrency == recommended), known[-1])
    if high is low:
        high = known[-1]
    text = f"Peak memory is {megabytes(low.peak_bytes)} MB with {workers(low.concurrency)}"
    if high is low or not low.peak_bytes or high.peak_bytes is None:
        return f"{text}."
    ratio = high.peak_bytes / low.peak_bytes
    return f"{text} and {megabytes(high.peak_bytes)} MB with {workers(high.concurrency)} ({times(ratio)})."


def _order_unknown(data_set: DataSet) -> list[str]:
    """The pairs that matter and are closer than their own spread: neighbours in speed, best and baseline."""
    by_speed = sorted(data_set.measured, key=_seconds)
    pairs = [pair for pair in pairwise(by_speed) if _inseparable(*pair)]
    text: list[str] = []
    if pairs:
        named = "; ".join(f"{one.concurrency} and {other.concurrency}" for one, other in pairs)
        text.append(
            "The order of these levels cannot be told from these samples, the spread within a level is greater "
            f"than the difference between them: {named}."
        )
    best, base = by_speed[0], data_set.baseline
    if base is not None and best is not base and _inseparable(best, base):
        text.append("That the best level is faster than 1 worker is not shown by these samples.")
    return text


def _inseparable(one: Level, other: Level) -> bool:
    spread = max(_spread(one), _spread(other))
    return spread > abs(_seconds(one) - _seconds(other))


def _spread(level: Level) -> float:
    """The quartile range; one run tells nothing about it."""
    if level.q25_seconds is None or level.q75_seconds is None:
        return 0.0
    return level.q75_seconds - level.q25_seconds


def _without_time(data_set: DataSet) -> list[str]:
    text = []
    for status, words in (("failed", "failed"), ("n/a", "are n/a (not run, or not offered by this commit)")):
        levels = [str(level.concurrency) for level in data_set.levels if level.status == status]
        if levels:
            text.append(f"Levels that {words}: {', '.join(levels)}.")
    return text
