"""What to run next: the command with its options, where a further run would tell more."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from .bottleneck import too_few_tasks
from .model import BASELINE, ENOUGH_SAMPLES, PAYING_GAIN, Concurrency, DataSet, counted, order_of, title_of

if TYPE_CHECKING:
    from .analysis import Analysis

WORKERS = "--workers"
PROGRAM = "python tools/benchmark_ingest.py"
TASKS_PER_WORKER = 10  # so that all have work up to the end
WORTH_NARROWING = 1.5  # a default is not looked for between levels that are closer than this


def next_run(found: Analysis) -> tuple[str, str] | None:
    """Why to measure again, and the command; where that is not known, the options. None: nothing more to measure."""
    data_set, measured = found.data_set, found.data_set.measured
    if any(level.status == "failed" for level in data_set.levels):
        return _again(data_set, "Fix what failed and measure again")
    if not measured:
        return _again(data_set, "Measure again")
    if found.differing_items:
        return _again(data_set, "Measure again, with the same items at each level")
    if data_set.refused:
        below = _below_the_refusal(data_set)
        return _again(data_set, "Find the highest rate that the server accepts", concurrency=below) if below else None
    if data_set.baseline is None:
        names = [level.concurrency for level in measured]
        return _again(data_set, "Measure 1 worker too", concurrency=[BASELINE, *names])
    if len(measured) < 2:
        levels = [1, 2, 4] if WORKERS in (data_set.command or "") else [1, 5, 10]
        return _again(data_set, "Measure more levels", concurrency=levels)
    quiet = " on a quiet machine" if any(x.usage and x.usage.crowded for x in measured) else ""
    is_unknown = found.effect == "unknown" and found.default is None
    is_open = is_unknown or found.effect == "inconclusive" or found.uncertain or found.rivals
    if quiet and (found.quality == "enough" or not is_open):
        return _again(data_set, f"Measure again{quiet}")
    if is_open:
        repeats = max(ENOUGH_SAMPLES, 2 * max(level.sample_count for level in measured))
        return _again(data_set, f"Repeat each level{quiet}{_cost(data_set, repeats=repeats)}", repeat=repeats)
    few = too_few_tasks(data_set)
    # More workers than were already slower than the best level, though these had enough to do, need no more of it.
    before = [x for number, x in counted(measured).items() if few is not None and number < min(few[1])]
    if few is not None and not (found.best in before and before[-1].is_slower(found.best)):
        factor = round(TASKS_PER_WORKER * max(few[1]) / few[0]) + 1
        return _more_to_share(data_set, few[0], factor)
    return _nearer(found, list(counted(measured)))


def _nearer(found: Analysis, names: list[int]) -> tuple[str, str] | None:
    """Levels that would move the default: above it where the largest one was still faster, else just below it."""
    default = found.default
    if default is None or not isinstance(default.concurrency, int) or default.concurrency == BASELINE:
        return None
    level = default.concurrency
    if level == names[-1] and _is_rising(found.data_set):
        if found.ceiling is not None and (default.speedup or 1.0) * PAYING_GAIN > found.ceiling:
            return None
        return _again(found.data_set, "Measure larger levels, throughput was still rising",
                      concurrency=[BASELINE, level, 2 * level, 4 * level])  # fmt: skip
    below = names[names.index(level) - 1]
    if level / below < WORTH_NARROWING or level - below < 2:
        return None
    why = f"See whether fewer than {level:,} workers are enough"
    return _again(found.data_set, why, concurrency=_between(below, level, 4))


def _is_rising(data_set: DataSet) -> bool:
    """Whether twice as many workers as the most would pay, if throughput went on as between the last two levels."""
    (less, below), (most, level) = list(counted(data_set.measured).items())[-2:]
    gain = level.gain_over(below)
    return math.log(gain) >= math.log(PAYING_GAIN) * math.log2(most / less)


def _below_the_refusal(data_set: DataSet) -> list[int] | None:
    """The levels between the largest that was accepted and the smallest that was refused."""
    high = min(counted(data_set.refused), default=0)
    low = max((number for number in counted(data_set.measured) if number < high), default=None)
    return _between(low, high - 1, 3) if low is not None and high - low > 1 else None


def _between(low: int, high: int, steps: int) -> list[int]:
    """Levels at even distances, with the baseline."""
    return sorted({BASELINE, *(round(low + (high - low) * step / steps) for step in range(steps + 1))})


def _more_to_share(data_set: DataSet, tasks: float, factor: int) -> tuple[str, str] | None:
    """More items where there can be more; of somebody else's server as many in smaller pages, which costs it less."""
    command, items = data_set.command or "", data_set.items or 100
    own = data_set.kind == "file" and "--source" in command
    if "--catalog-url" in command:
        why, option, value = "Ask for smaller pages", "limit", int(items / tasks / factor)
    else:
        name = "test_size" if data_set.kind == "file" and not own else "max_items"
        why, option, value = "Measure more items", name, items * factor
    if value < 1 or (own and ("--max-items" not in command or tasks < 2)):  # a single file has no more documents
        return None
    return _again(data_set, f"{why}, so that every worker has work{_cost(data_set, factor)}", **{option: value})


def _cost(data_set: DataSet, times: int = 1, repeats: int = 0) -> str:
    """How many requests that would take, of so many times the items, or with more repeats: it is somebody's server."""
    tasks = [x.usage.tasks for x in data_set.measured if x.usage is not None and x.usage.tasks]
    if data_set.kind != "api" or not tasks:
        return ""
    repeats = repeats or max(level.sample_count for level in data_set.measured)
    requests = max(tasks) * times * repeats * len(data_set.levels)
    return f" (about {float(f'{requests:.2g}'):,.0f} requests)"


def _again(data_set: DataSet, why: str, **options: int | Sequence[Concurrency]) -> tuple[str, str]:
    command = data_set.command or ""
    is_plain = data_set.title == title_of(data_set.kind, data_set.items or 0)
    if command.startswith("asv") and set(options) - {"repeat"} and is_plain:
        # asv's levels are those of the suite; the program takes others, of the same data.
        size = "--test-size" if data_set.kind == "file" else "--max-items"
        command = f"{PROGRAM} {data_set.kind} {size} {data_set.items}"
    try:
        words = shlex.split(command)
    except ValueError:  # in a file that somebody has edited
        command, words = "", []
    if words[:1] == ["asv"]:
        return (f"{why}, by other parameters of the benchmark", "") if set(options) - {"repeat"} else (why, command)
    if WORKERS in command and "concurrency" in options:  # numbers of processes
        levels = cast(Sequence[Concurrency], options.pop("concurrency"))
        options["workers"] = sorted({order_of(level)[1] for level in levels} - {0})
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        # Without the option and its value, which is a word of its own or the same one.
        words = [x for last, x in zip(("", *words), words, strict=False) if option not in (last, x, x.split("=")[0])]
        words += [option, str(value) if isinstance(value, int) else ",".join(map(str, value))]
    return why if command or not words else f"{why}, by the same command with", shlex.join(words)
