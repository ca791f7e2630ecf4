"""What keeps the work from being faster, concluded from speedup, CPU and stage times together.

The speedup alone cannot tell: work that gets no faster with more workers is bound by the CPU, or it waits for
something that serves one at a time. How busy the CPU was tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .evidence import Evidence, evidence, waiting_in_words
from .model import BASELINE_CONCURRENCY, DataSet, Level
from .ranking import Loss, best, counted, fastest, gains, losses
from .significance import is_slower

# Speedups, against one worker, from which the words change.
SIGNIFICANT_SPEEDUP = 3.0
MODEST_SPEEDUP = 1.2
# One worker that keeps the CPU busier than this cannot get a speedup worth having on one thread (Amdahl's law).
CPU_BOUND_BUSY = 1 / MODEST_SPEEDUP
# One worker that keeps it less busy than this could get a significant one.
IDLE_BUSY = 1 / SIGNIFICANT_SPEEDUP
# Below this the CPU is not what limits a pool.
HALF_BUSY = 0.5
# More than this is more than one core's worth.
SEVERAL_CORES = 1.2
# A speedup this far above what one thread allows shows that the work is not on one thread, or not the same.
BEYOND_CEILING = 1.1
# A speedup of this much of the number of workers is as good as it gets.
NEARLY_IDEAL = 0.7
# Losing this much of the throughput to more workers is not an accident of where the levels lie.
HINDERED = 0.8
# A level beyond the plateau's start by this factor shows that it is one.
PLATEAU_LENGTH = 2

Effect = Literal["significant", "modest", "none", "inconclusive", "unknown"]
Bottleneck = Literal["waiting", "cpu", "mixed", "serialised", "limited", "contention", "inconclusive", "unknown"]


@dataclass(frozen=True)
class Conclusion:
    """What limits the work, as a name for programs and in words for people.

    `from_speedup_alone`: no CPU and stage times were recorded, so a lock and a busy CPU look alike.
    """

    bottleneck: Bottleneck
    words: str
    from_speedup_alone: bool


def effect_of(data_set: DataSet) -> Effect:
    """How much workers help, and whether the samples show it."""
    base = data_set.baseline
    if base is None or len(data_set.measured) < 2:
        return "unknown"
    level = judged_level(data_set)
    speedup = level.speedup or 1.0
    if speedup < MODEST_SPEEDUP:
        uppers = [x.speedup_interval[1] for x in data_set.measured if x.speedup_interval is not None]
        return "none" if max(uppers, default=0.0) < MODEST_SPEEDUP else "inconclusive"
    if not is_slower(base, level, comparisons=len(data_set.measured) - 1):
        return "inconclusive"
    if speedup >= SIGNIFICANT_SPEEDUP:
        return "significant"
    return "inconclusive" if is_more_than_one_thread_can(data_set, level) else "modest"


def is_more_than_one_thread_can(data_set: DataSet, level: Level) -> bool:
    """Whether one busy core is said to have done more in less time: then the machine changed, and not the work."""
    one, many = evidence(data_set.baseline), evidence(level)
    if one is None or many is None or one.busy < CPU_BOUND_BUSY:
        return False
    return cores_used(level) <= SEVERAL_CORES and (level.speedup or 0.0) > BEYOND_CEILING / one.serial


def judged_level(data_set: DataSet) -> Level:
    """The level whose speedup is judged: the best one, and where that is 1 worker, the fastest."""
    level = best(data_set)
    return fastest(data_set.measured) if level is data_set.baseline else level


def conclude(data_set: DataSet, effect: Effect) -> Conclusion:
    """Name the bottleneck of a data set whose levels have this effect."""
    one = evidence(data_set.baseline)
    found = _bottleneck(data_set, effect, one)
    return Conclusion(found, _in_words(found, data_set), from_speedup_alone=one is None and effect != "unknown")


def _bottleneck(data_set: DataSet, effect: Effect, one: Evidence | None) -> Bottleneck:
    if effect == "unknown":
        return _from_one_worker(one)
    if effect in ("none", "inconclusive") and one is not None and one.busy >= CPU_BOUND_BUSY:
        return "cpu"
    if effect == "inconclusive":
        return "inconclusive"
    if effect == "none" and one is None:
        return "cpu"
    if effect == "none":
        # On a crowded machine workers that wait for a CPU are no faster either.
        return "inconclusive" if one is not None and one.crowded else "serialised"
    if hindered(data_set) is not None:
        return "contention"
    if one is not None and one.busy >= CPU_BOUND_BUSY and cores_used(fastest(data_set.measured)) > SEVERAL_CORES:
        return "cpu"
    if plateau(data_set) is not None:
        return "limited"
    if effect == "significant":
        return "waiting"
    if one is None or one.busy >= IDLE_BUSY:
        return "mixed"
    return _modest_though_idle(judged_level(data_set))


def _from_one_worker(one: Evidence | None) -> Bottleneck:
    if one is None:
        return "unknown"
    if one.busy >= CPU_BOUND_BUSY:
        return "cpu"
    return "waiting" if one.busy < IDLE_BUSY else "mixed"


def _modest_though_idle(level: Level) -> Bottleneck:
    """One worker waits for the most part; either the pool is too small to show it, or something else holds it up."""
    found = evidence(level)
    ideal = level.concurrency if isinstance(level.concurrency, int) else None
    if ideal is not None and (level.speedup or 0.0) >= NEARLY_IDEAL * ideal:
        return "waiting"
    if found is None or found.crowded or not _has_work(found, level):
        return "waiting"
    return "limited" if found.busy < HALF_BUSY else "mixed"


def hindered(data_set: DataSet) -> Loss | None:
    """The largest loss to more workers, where it is more than an accident and shown by the samples.

    What a level lost to other programs on the machine is no loss to its workers.
    """
    large = [loss for loss in losses(data_set) if loss.kept < HINDERED and not _is_crowded(loss.level)]
    shown = [loss for loss in large if is_slower(loss.level, loss.smaller)]
    return min(shown, key=lambda loss: loss.kept, default=None)


def _is_crowded(level: Level) -> bool:
    found = evidence(level)
    return found is not None and found.crowded


def plateau(data_set: DataSet) -> Level | None:
    """The level from which on throughput stands still though the CPU is idle and there is work to share.

    That is the mark of a limit outside of the process: a rate limit, a server at its capacity, a small pool of
    connections. A plateau with a busy CPU, or with fewer tasks than workers, is none.
    """
    levels = counted(data_set)
    if not levels:
        return None
    start = next(level for level in levels if not gains(fastest(levels), level))
    beyond = [x for x in levels if _number(x) >= PLATEAU_LENGTH * _number(start) and _is_idle_with_work(x)]
    is_one = start.concurrency != BASELINE_CONCURRENCY and beyond and _is_idle_with_work(start)
    return start if is_one else None


def too_few_tasks(data_set: DataSet) -> tuple[float, list[int]] | None:
    """How many tasks there were, and the levels that had more workers than tasks."""
    for level in counted(data_set):
        found = evidence(level)
        if found is not None and found.tasks is not None and found.tasks < _number(level):
            return found.tasks, [_number(x) for x in counted(data_set) if _number(x) > found.tasks]
    return None


def cores_used(level: Level) -> float:
    return level.usage.cpu_seconds / level.usage.wall_seconds if level.usage else 0.0


def _number(level: Level) -> int:
    assert isinstance(level.concurrency, int)
    return level.concurrency


def _is_idle_with_work(level: Level) -> bool:
    found = evidence(level)
    if found is None or found.busy >= HALF_BUSY or found.crowded:
        return False
    return _has_work(found, level)


def _has_work(found: Evidence, level: Level) -> bool:
    """Whether there was more to share than the workers could take at once."""
    if found.tasks is None or not isinstance(level.concurrency, int):
        return True
    return found.tasks >= PLATEAU_LENGTH * level.concurrency


def _in_words(bottleneck: Bottleneck, data_set: DataSet) -> str:
    match bottleneck:
        case "waiting":
            return waiting_in_words(data_set.kind)
        case "cpu":
            return "the CPU"
        case "mixed":
            return f"partly {waiting_in_words(data_set.kind)}, partly the CPU"
        case "serialised":
            return "something that serves one at a time, and not the CPU"
        case "limited":
            return "a limit outside of this process, and not the CPU"
        case "contention":
            return "workers that hinder each other"
        case "inconclusive":
            return "inconclusive, these samples cannot tell"
        case "unknown":
            return "not known"
