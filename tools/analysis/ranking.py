"""Which level is best and which to use: only what the samples show."""

import math
from typing import Literal

from .certainty import is_slower, ratio_interval
from .model import DataSet, Level

SIGNIFICANT_SPEEDUP, MODEST_SPEEDUP = 3.0, 1.2  # as the table shows it: from here on the words change
PAYING_GAIN = 1.10  # a level pays when it has at least this much of the throughput of the one it is compared with
SAME_MEMORY_BYTES = 16_000_000  # peaks that are this close are alike: an allocator rounds more than that

Effect = Literal["significant", "modest", "none", "inconclusive", "unknown"]


def seconds(level: Level) -> float:
    assert level.median_seconds is not None, "only measured levels are compared"
    return level.median_seconds


def fastest(levels: tuple[Level, ...]) -> Level:
    """The level with the shortest median; of equals the first, which is the smallest."""
    return min(levels, key=seconds)


def counted(levels: tuple[Level, ...]) -> dict[int, Level]:
    """The levels that are a number of workers, by that number."""
    return {level.concurrency: level for level in levels if isinstance(level.concurrency, int)}


def by_fastest_smaller(data_set: DataSet) -> list[tuple[Level, Level]]:
    """Each number of workers but the least, with the fastest of the smaller ones."""
    levels = tuple(counted(data_set.measured).values())
    return [(level, fastest(levels[:place])) for place, level in enumerate(levels) if place]


def compared(data_set: DataSet) -> tuple[Level, ...]:
    """The levels whose samples order them: with a speedup interval, or one against another where 1 was not measured."""
    levels = data_set.measured
    if data_set.baseline is not None:
        return tuple(level for level in levels if level.speedup_interval is not None)
    return tuple(x for x in levels if any(y is not x and ratio_interval(x, y) is not None for y in levels))


def differing_items(data_set: DataSet) -> bool:
    """Whether the levels delivered different numbers of items, so that their times are not of the same work."""
    return len({level.items for level in data_set.measured if level.items is not None}) > 1


def best(data_set: DataSet) -> Level | None:
    """The smallest level that cannot be told from the fastest of those that are shown to be faster than 1 worker.

    None where no level is. Where 1 worker was not measured, of all whose samples order them.
    """
    levels = () if differing_items(data_set) else compared(data_set)
    if data_set.baseline is not None:
        levels = tuple(filter(is_faster, levels))
    top = fastest(levels) if levels else None
    return next((level for level in levels if top is level or (top and not is_slower(level, top))), None)


def is_faster(level: Level) -> bool:
    return level.speedup_interval is not None and level.speedup_interval[0] > 1


def effect_of(data_set: DataSet, top: Level | None) -> Effect:
    """How much workers help: by the best level, and by what the others might still be."""
    levels = compared(data_set)
    if data_set.baseline is None or not levels or differing_items(data_set):
        return "unknown"
    speedup = rounded(top)
    if speedup >= MODEST_SPEEDUP:
        return "significant" if speedup >= SIGNIFICANT_SPEEDUP else "modest"
    if any(low <= 1 and high >= MODEST_SPEEDUP for low, high in (x.speedup_interval or (1, 1) for x in levels)):
        return "inconclusive"
    # A level that is in the table without an interval might be the one.
    return "none" if len(levels) + 1 == len(data_set.measured) else "unknown"


def rounded(level: Level | None) -> float:
    """The speedup as the table shows it, so that the words change where the numbers do."""
    return 1.0 if level is None else round(level.speedup or 1.0, 1)


def refused(data_set: DataSet) -> tuple[Level, ...]:
    """The levels at which the server answered that it was asked too often."""
    return tuple(x for x in data_set.measured if x.usage is not None and (x.usage.refusals or 0) > 0)


def recommended(data_set: DataSet, top: Level) -> Level | None:
    """The default to use where `top` is the best level: the smallest over which no larger one pays.

    A larger level pays when it is shown to be faster, has 10 % more throughput, and its memory does not grow by more
    than its throughput. The default is never larger than the best level, and neither a level at which the server
    refused nor one above it. 1 worker where no other is left, and None where not even that is.
    """
    usable = allowed(data_set)
    base = data_set.baseline
    worth = tuple(level for level in compared(data_set) if level in usable)
    if base is not None:
        worth = tuple(level for level in worth if is_faster(level) and rounded(level) >= MODEST_SPEEDUP)
    numbers, most = counted(worth), top.concurrency if isinstance(top.concurrency, int) else math.inf
    if isinstance(top.concurrency, str) and top in worth and all(pays(top, level) for level in numbers.values()):
        return top
    fit = [level for number, level in numbers.items() if number <= most]
    smallest = (level for place, level in enumerate(fit, 1) if not any(pays(larger, level) for larger in fit[place:]))
    return next(smallest, base if base in usable else None)


def allowed(data_set: DataSet) -> tuple[Level, ...]:
    """The measured levels below the first at which the server refused."""
    limits = refused(data_set)
    least = min((x.concurrency for x in limits if isinstance(x.concurrency, int)), default=math.inf)
    others = (level for level in data_set.measured if level not in limits)
    return tuple(x for x in others if not isinstance(x.concurrency, int) or x.concurrency < least)


def pays(larger: Level, level: Level) -> bool:
    gains = seconds(level) / seconds(larger) >= PAYING_GAIN and is_slower(level, larger)
    return gains and not is_dear(larger, level)


def is_dear(larger: Level, level: Level) -> bool:
    """Whether memory grows by a larger factor than throughput; peaks that are alike cost nothing."""
    most, least = larger.peak_bytes, level.peak_bytes
    if most is None or not least or most - least <= SAME_MEMORY_BYTES:
        return False
    return most / least > seconds(level) / seconds(larger)
