"""What keeps the work from being faster, concluded from speedup, CPU and stage times together.

The speedup alone cannot tell: work that gets no faster with more workers is bound by the CPU, or it waits for
something that serves one at a time. How busy the CPU was tells the two apart.
"""

from typing import Literal

from .model import MODEST, PAYING_GAIN, SIGNIFICANT, DataSet, Effect, Level, Usage, counted

CPU_BOUND_BUSY = 1 / MODEST  # busier, and one thread cannot get a speedup worth having (Amdahl's law)
IDLE_BUSY = 1 / SIGNIFICANT  # less busy, and it could get a significant one
CROWDED_IDLE_BUSY = 0.1  # on a crowded machine: the time that other threads were ready is not known
HALF_BUSY = 0.5  # below this the CPU is not what limits a pool
BEYOND_CEILING = 1.1  # a speedup so far above what one thread allows is not of one thread, or not of the same work
NEARLY_IDEAL = 0.7  # of the number of workers: a speedup that is as good as it gets
HINDERED = 0.8  # losing this much of the throughput to more workers is not an accident of where the levels lie
PLATEAU_LENGTH = 2  # a level beyond the plateau's start by this factor shows that it is one

Bottleneck = Literal["waiting", "cpu", "mixed", "serialised", "limited", "contention", "inconclusive", "unknown"]


def bottleneck_of(data_set: DataSet, effect: Effect, top: Level | None) -> Bottleneck:
    base = data_set.baseline
    one = None if base is None else base.usage
    if data_set.refused:
        return "limited"
    are_equal = base is not None and base.sample_count > 1 and base.q25_seconds == base.q75_seconds
    if effect == "unknown" and (are_equal or _of_one_worker(one) is None):  # equal: a clock that is too coarse
        return "unknown"
    if one is not None and one.busy >= CPU_BOUND_BUSY:
        return "cpu"
    if effect in ("unknown", "inconclusive"):
        return _of_one_worker(one) or "inconclusive"
    if hindered(data_set) is not None:
        return "contention"
    few = too_few_tasks(data_set)
    if few is not None and few[0] < 2:  # one page: more workers could not have been faster
        return _of_one_worker(one) or "unknown"
    if effect == "none":
        # Without CPU times the CPU is the likelier. On a crowded machine workers that wait for it are no faster either.
        return "cpu" if one is None else "unknown" if one.crowded else "serialised"
    if plateau(data_set) is not None:
        return "limited"
    if one is None:
        # More processes use more of the CPU, so that their speedup does not tell what one would wait for.
        is_of_processes = top is not None and top.strategy == "processes"
        return "unknown" if is_of_processes else "waiting" if effect == "significant" or _is_ideal(top) else "mixed"
    if one.busy >= IDLE_BUSY:
        return "mixed"
    if effect == "significant" or top is None or _is_ideal(top) or not _has_work(top):
        return "waiting"
    # One worker waits for the most part, and no few tasks explain that more gain so little: something holds them up.
    return "limited" if top.usage is not None and top.usage.busy < HALF_BUSY else "mixed"


def _of_one_worker(one: Usage | None) -> Bottleneck | None:
    """What it shows by itself, where more workers show nothing; None where that was not recorded, or beside others."""
    if one is None or one.crowded:
        return "waiting" if one is not None and one.busy < CROWDED_IDLE_BUSY else None
    return "waiting" if one.busy < IDLE_BUSY else "mixed"


def _is_ideal(level: Level | None) -> bool:
    """Whether a speedup is nearly as large as the number of workers."""
    workers = None if level is None else level.concurrency
    return isinstance(workers, int) and level is not None and (level.speedup or 0.0) >= NEARLY_IDEAL * workers


def hindered(data_set: DataSet) -> tuple[Level, Level] | None:
    """The level that lost most to more workers (not to other programs), and the fastest smaller one."""
    pairs = [(x, smaller) for x, smaller in data_set.by_fastest_smaller if not (x.usage and x.usage.crowded)]
    lost = [(x, smaller) for x, smaller in pairs if x.gain_over(smaller) < HINDERED and x.is_slower(smaller)]
    return min(lost, key=lambda pair: pair[0].gain_over(pair[1]), default=None)


def plateau(data_set: DataSet) -> Level | None:
    """The level from which on throughput stands still though the CPU is idle and there is work to share.

    That is the mark of a limit outside of the process: a rate limit, a server at its capacity, a small pool of
    connections. A plateau with a busy CPU, or with fewer tasks than workers, is none.
    """
    levels = counted(data_set.measured)
    if not levels:
        return None
    least = min(level.seconds for level in levels.values())
    first, start = next(pair for pair in levels.items() if pair[1].seconds < PAYING_GAIN * least)
    beyond = [x for number, x in levels.items() if number >= PLATEAU_LENGTH * first and _is_idle_with_work(x)]
    return start if beyond and start is not data_set.baseline and _is_idle_with_work(start) else None


def too_few_tasks(data_set: DataSet) -> tuple[float, dict[int, Level]] | None:
    """How many tasks there were, and the levels that had more workers than tasks."""
    levels = counted(data_set.measured)
    tasks = {number: x.usage.tasks for number, x in levels.items() if x.usage is not None and x.usage.tasks}
    short = [number for number, count in tasks.items() if count < number]
    return (min(tasks[number] for number in short), {number: levels[number] for number in short}) if short else None


def ceiling_of(data_set: DataSet) -> float | None:
    """The speedup that the time on one thread allows at most (Amdahl's law); None: not known, or no limit."""
    found = None if data_set.baseline is None else data_set.baseline.usage
    if found is None or found.serial <= 0.005:
        return None
    seen = max((level.speedup or 0.0 for level in data_set.measured), default=0.0)
    return None if seen > BEYOND_CEILING / found.serial else 1 / found.serial


def _is_idle_with_work(level: Level) -> bool:
    found = level.usage
    return found is not None and found.busy < HALF_BUSY and _has_work(level)


def _has_work(level: Level) -> bool:
    """Whether the machine let it work, and there was more to share than the workers could take at once."""
    found, workers = level.usage, level.concurrency
    if found is None or found.crowded:
        return False
    return found.tasks is None or not isinstance(workers, int) or found.tasks >= PLATEAU_LENGTH * workers


def bottleneck_in_words(found: Bottleneck, waiting: str, rate_limited: bool) -> str:
    return {
        "waiting": waiting,
        "cpu": "the CPU",
        "mixed": f"partly {waiting}, partly the CPU",
        "serialised": "a serial resource: the bandwidth, a lock, or a server that handles one request at a time",
        "limited": "the server's rate limit" if rate_limited else "a limit outside this process, not the CPU",
        "contention": "contention between workers",
        "inconclusive": "inconclusive, the samples are too noisy",
        "unknown": "unknown",
    }[found]
