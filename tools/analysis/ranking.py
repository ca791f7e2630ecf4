"""How one level stands to another: only what the samples show."""

from typing import Literal

from .certainty import is_slower
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


def is_faster(level: Level) -> bool:
    return level.speedup_interval is not None and level.speedup_interval[0] > 1


def rounded(level: Level | None) -> float:
    """The speedup as the table shows it, so that the words change where the numbers do."""
    return 1.0 if level is None else round(level.speedup or 1.0, 1)


def pays(larger: Level, level: Level) -> bool:
    gains = seconds(level) / seconds(larger) >= PAYING_GAIN and is_slower(level, larger)
    return gains and not is_dear(larger, level)


def is_dear(larger: Level, level: Level) -> bool:
    """Whether memory grows by a larger factor than throughput; peaks that are alike cost nothing."""
    most, least = larger.peak_bytes, level.peak_bytes
    if most is None or not least or most - least <= SAME_MEMORY_BYTES:
        return False
    return most / least > seconds(level) / seconds(larger)
