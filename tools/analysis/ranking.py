"""Which level is best, which to use, and which are too many."""

from __future__ import annotations

from dataclasses import dataclass

from .model import BASELINE_CONCURRENCY, Concurrency, DataSet, Level
from .significance import is_slower

# A level pays when it has at least this much of the throughput of the level it is compared with.
PAYING_GAIN = 1.10
# A level is retrograde when it has less than this much of the throughput of a smaller one.
RETROGRADE_LOSS = 0.95
# Peaks of memory that are this close are alike: an allocator rounds more than that.
SAME_MEMORY_BYTES = 16_000_000


@dataclass(frozen=True)
class Loss:
    """A level with less throughput than a smaller one."""

    level: Level
    smaller: Level

    @property
    def kept(self) -> float:
        """The share of the smaller level's throughput."""
        return seconds(self.smaller) / seconds(self.level)


def seconds(level: Level) -> float:
    assert level.median_seconds is not None, "only measured levels are compared"
    return level.median_seconds


def fastest(levels: tuple[Level, ...]) -> Level:
    """The fastest level; of equals the first, which is the smallest."""
    return min(levels, key=seconds)


def counted(data_set: DataSet) -> tuple[Level, ...]:
    """The measured levels whose concurrency is a number."""
    return tuple(level for level in data_set.measured if isinstance(level.concurrency, int))


def best(data_set: DataSet) -> Level:
    """The smallest level that cannot be told from the fastest."""
    first = fastest(data_set.measured)
    return next(level for level in data_set.measured if level is first or not is_slower(level, first))


def recommended(data_set: DataSet) -> Concurrency:
    """The default to use where workers bring a speedup: the smallest level over which no further one pays.

    A further level pays when it has 10 % more throughput and its memory does not grow by more than its throughput.
    It is never larger than the best level.
    """
    levels, top = counted(data_set), best(data_set)
    if not levels:
        return top.concurrency
    if isinstance(top.concurrency, str) and seconds(fastest(levels)) / seconds(top) >= PAYING_GAIN:
        # The level found while running beats every number.
        return top.concurrency
    for place, level in enumerate(levels):
        if not any(pays(further, level) for further in levels[place + 1 :]):
            break
    if isinstance(top.concurrency, int):
        level = min(level, top, key=lambda x: levels.index(x))
    # One worker is no answer to a speedup worth having: then the best level is, which has no number.
    return top.concurrency if level.concurrency == BASELINE_CONCURRENCY else level.concurrency


def pays(further: Level, level: Level) -> bool:
    return gains(further, level) and not is_dear(further, level)


def gains(further: Level, level: Level) -> bool:
    return seconds(level) / seconds(further) >= PAYING_GAIN


def is_dear(further: Level, level: Level) -> bool:
    """Whether memory grows by a larger factor than throughput; peaks that are alike cost nothing."""
    if further.peak_bytes is None or not level.peak_bytes:
        return False
    if further.peak_bytes - level.peak_bytes <= SAME_MEMORY_BYTES:
        return False
    return further.peak_bytes / level.peak_bytes > seconds(level) / seconds(further)


def losses(data_set: DataSet) -> list[Loss]:
    """The retrograde levels, each against the fastest of the smaller ones."""
    levels = counted(data_set)
    found = [Loss(level, fastest(levels[:place])) for place, level in enumerate(levels[1:], start=1)]
    return [loss for loss in found if loss.kept < RETROGRADE_LOSS]


def above(level: Level, concurrency: Concurrency) -> bool:
    return isinstance(level.concurrency, int) and isinstance(concurrency, int) and level.concurrency > concurrency
