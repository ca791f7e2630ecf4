"""What the numbers of one data set mean, in words, and only what they can carry."""

from dataclasses import dataclass
from itertools import pairwise

from tools.words import listed, megabytes, significant, times, times_exact, workers

from .bottleneck import (
    BEYOND_CEILING,
    Bottleneck,
    Conclusion,
    Effect,
    conclude,
    cores_used,
    effect_of,
    hindered,
    judged_level,
    plateau,
    too_few_tasks,
)
from .evidence import evidence, percent, shares_in_words
from .model import BASELINE_CONCURRENCY, Concurrency, DataSet, Level, is_quick, sample_counts
from .ranking import above, best, counted, fastest, gains, is_dear, losses, recommended, seconds
from .scaling import NoLaw, ScalingLaw, fit
from .significance import MINIMUM_SAMPLES, can_be_told_apart, is_slower


@dataclass(frozen=True)
class Verdict:
    """The judgement on one data set.

    Attributes:
        effect: How much workers help: "significant" (3x or more), "modest" (1.2x or more), "none", "inconclusive"
            (the samples cannot tell), "unknown" (nothing to compare).
        bottleneck: What keeps the work from being faster: "waiting" (for the disk or the server), "cpu", "mixed",
            "serialised" (something serves one at a time), "limited" (a limit outside of the process, as of a rate),
            "contention" (workers hinder each other), "inconclusive", "unknown".
        bottleneck_words: The same for people.
        from_speedup_alone: No CPU and stage times were recorded that the bottleneck could rest on.
        best: The line on the best level, without its label.
        best_concurrency: The smallest level that cannot be told from the fastest; None with fewer than two to compare.
        recommended: The default to use: the smallest level over which no further one gains 10 % throughput or more
            at a price in memory that is not larger than the gain. 1 where concurrency brings less than 1.2x, and None
            where nothing can be recommended.
        ceiling: The speedup that the time on one thread allows at most (Amdahl's law); None: not known, or no limit.
        law: The Universal Scalability Law of the levels, or why there is none.
        sentences: All of it in words.
    """

    effect: Effect
    bottleneck: Bottleneck
    bottleneck_words: str
    from_speedup_alone: bool
    best: str
    best_concurrency: Concurrency | None
    recommended: Concurrency | None
    ceiling: float | None
    law: ScalingLaw | NoLaw
    sentences: tuple[str, ...]

    @property
    def best_line(self) -> str:
        """The line under the table."""
        return f"**Best Performance**: {self.best}"

    @property
    def bottleneck_line(self) -> str:
        """The line under that."""
        alone = " (from the speedup alone)" if self.from_speedup_alone and self.bottleneck != "inconclusive" else ""
        return f"**Bottleneck**: {self.bottleneck_words}{alone}"


def judge(data_set: DataSet) -> Verdict:
    """Judge the levels of one data set against each other; one with too few samples is told to be quick."""
    effect = effect_of(data_set)
    conclusion = conclude(data_set, effect)
    comparable = len(data_set.measured) >= 2
    default = _recommended(data_set, effect, conclusion) if comparable else None
    ceiling = _ceiling(data_set)
    law = fit(data_set)
    sentences = [
        *_quick(data_set),
        *([_effect(data_set, effect, conclusion, default)] if comparable else [_CANNOT_BE_JUDGED]),
        *_evidence(data_set, ceiling, conclusion),
        *_limits(data_set),
        *(_comparison(data_set, effect, default) if comparable else []),
        *(_law(law) if comparable else []),
        *_without_time(data_set),
    ]
    return Verdict(
        effect=effect,
        bottleneck=conclusion.bottleneck,
        bottleneck_words=conclusion.words,
        from_speedup_alone=conclusion.from_speedup_alone,
        best=_best(_best_level(data_set, effect))
        if comparable
        else "cannot be judged, fewer than two levels have a time",
        best_concurrency=_best_level(data_set, effect).concurrency if comparable else None,
        recommended=default,
        ceiling=ceiling,
        law=law,
        sentences=tuple(sentences),
    )


_NO_BEST = "cannot be judged, fewer than two levels have a time"
_CANNOT_BE_JUDGED = "The effect of concurrency cannot be judged: fewer than two levels have a time."


def _quick(data_set: DataSet) -> list[str]:
    if not is_quick([data_set]):
        return []
    return [f"This was a quick run ({sample_counts(data_set.levels)}): it is not a measurement."]


def _best_level(data_set: DataSet, effect: Effect) -> Level:
    """The best level; where no speedup is shown it is 1 worker."""
    base = data_set.baseline
    return base if effect == "inconclusive" and base is not None else best(data_set)


def _best(level: Level) -> str:
    if level.concurrency == BASELINE_CONCURRENCY:
        return "1 worker (sequential), nothing is faster"
    if level.speedup is None:
        return f"{workers(level.concurrency)}, speedup n/a"
    return f"{workers(level.concurrency)} with {times(level.speedup)} speedup"


def _recommended(data_set: DataSet, effect: Effect, conclusion: Conclusion) -> Concurrency | None:
    if effect == "none" or (effect == "inconclusive" and conclusion.bottleneck == "cpu"):
        return BASELINE_CONCURRENCY
    return None if effect == "inconclusive" else recommended(data_set)


def _effect(data_set: DataSet, effect: Effect, conclusion: Conclusion, default: Concurrency | None) -> str:
    """What the speedup means: the documented words where the other measurements agree with them."""
    if effect == "unknown":
        return f"Speedup is n/a: {data_set.speedup_missing_because}."
    level = judged_level(data_set)
    found = times_exact(level.speedup or 1.0)
    busy = evidence(data_set.baseline)
    pool = "a pool" if default is None else f"a pool with {workers(default)}"
    match effect, conclusion.bottleneck:
        case "none", "serialised" if busy is not None:
            return (
                f"No speedup worth having ({found}), and yet the work is not CPU-bound: with 1 worker the CPU was busy "
                f"{percent(busy.busy)} of the time. Something serves one at a time, a rate limit, a lock or a server "
                "that works on one request at a time; until that is gone, more workers do not help."
            )
        case "none", "inconclusive":
            return f"No speedup worth having ({found}), on a crowded machine: what limits the work cannot be told."
        case "none", _:
            return f"No speedup worth having ({found}): the work is CPU-bound, stay sequential."
        case "inconclusive", "cpu" if busy is not None:
            return (
                f"The speedup ({found}) is inconclusive, but with 1 worker the CPU was busy "
                f"{percent(min(1.0, busy.busy))} of the time: the work is CPU-bound, stay sequential."
            )
        case "inconclusive", _:
            return f"Inconclusive: these samples show no speedup ({found}) and exclude none; measure again with more."
        case _, "cpu":
            top = fastest(data_set.measured)
            return (
                f"{effect.capitalize()} speedup ({found}): the work is CPU-bound and runs on several cores "
                f"({cores_used(top):.1f} with {workers(top.concurrency)}), use {pool}."
            )
        case "modest", "waiting":
            return (
                f"Modest speedup ({found}), nearly all that {workers(level.concurrency)} can give: the work is "
                f"I/O-bound, use {pool} and measure larger levels."
            )
        case "modest", "limited":
            return f"Modest speedup ({found}), with an idle CPU: the work is I/O-bound, {pool} takes what there is."
        case "modest", _:
            return (
                f"Modest speedup ({found}): the work is mixed, partly I/O-bound and partly CPU-bound; "
                f"{pool} takes what there is."
            )
        case _:
            return f"Significant speedup ({found}): the work is I/O-bound, use a worker {pool.removeprefix('a ')}."


def _ceiling(data_set: DataSet) -> float | None:
    found = evidence(data_set.baseline)
    if found is None or found.ceiling is None:
        return None
    seen = max((level.speedup or 0.0 for level in data_set.measured), default=0.0)
    return None if seen > found.ceiling * BEYOND_CEILING else found.ceiling


def _evidence(data_set: DataSet, ceiling: float | None, conclusion: Conclusion) -> list[str]:
    one = evidence(data_set.baseline)
    if one is None:
        alone = "Concluded from the speedup alone: no CPU and stage times were recorded."
        return [alone] if conclusion.from_speedup_alone else []
    text = [f"Measured with 1 worker: {shares_in_words(one, data_set.kind)}."]
    if ceiling is not None:
        text.append(
            f"One thread does {percent(one.serial)} of that by itself: at most {times(ceiling)}, however many workers."
        )
    top = fastest(data_set.measured)
    many = evidence(top)
    if many is not None and top is not data_set.baseline:
        text.append(f"With {workers(top.concurrency)} the CPU was busy {percent(many.busy)} of the time.")
    crowded = [level for level in data_set.measured if (found := evidence(level)) is not None and found.crowded]
    if crowded:
        text.append(
            "The machine was busy with other work: more than a tenth of the time the process waited for a CPU at "
            f"level {listed([str(level.concurrency) for level in crowded])}. Measure again on a quiet one."
        )
    return text


def _limits(data_set: DataSet) -> list[str]:
    """What holds a pool up: workers that hinder each other, a plateau, a server that refuses, too little work."""
    text: list[str] = []
    loss, flat, few = hindered(data_set), plateau(data_set), too_few_tasks(data_set)
    if loss is not None:
        text.append(
            f"Workers hinder each other: {workers(loss.level.concurrency)} have {percent(loss.kept)} of the throughput "
            f"of {loss.smaller.concurrency}."
        )
    elif flat is not None:
        rate = "" if flat.throughput is None else f" at {significant(flat.throughput)} items/s"
        text.append(
            f"From {workers(flat.concurrency)} on, throughput stands still{rate} while the CPU is idle: the limit is "
            "outside of this process, a rate limit or a server at its capacity."
        )
    refused = [
        f"{found.refusals:.3g} with {workers(level.concurrency)}"
        for level in data_set.measured
        if (found := evidence(level)) is not None and found.refusals
    ]
    if refused:
        text.append(f"The server limits the rate; answers a run that it was asked too often: {', '.join(refused)}.")
    if few is not None:
        tasks, levels = few
        parts = "pages" if data_set.kind == "api" else "documents"
        text.append(
            f"There were only {tasks:g} {parts} to share, too few for {listed([str(level) for level in levels])} "
            "workers; measure with more items."
        )
    return text


def _comparison(data_set: DataSet, effect: Effect, default: Concurrency | None) -> list[str]:
    return [
        *_returns(data_set, effect, default),
        *_intervals(data_set),
        *(_equals_of_the_fastest(data_set) if effect != "inconclusive" else []),
        *_retrograde(data_set),
        _memory(data_set, default),
        *_order_unknown(data_set, effect),
    ]


def _returns(data_set: DataSet, effect: Effect, default: Concurrency | None) -> list[str]:
    """Diminishing returns: where more workers stop paying."""
    levels = counted(data_set)
    if default is None:
        return []
    if effect in ("none", "inconclusive") or isinstance(default, str) or len(levels) < 2:
        return [f"Recommended default: {workers(default)}."]
    chosen = next(level for level in levels if level.concurrency == default)
    further = [level for level in levels if above(level, default)]
    if not further:
        return [
            f"Recommended default: {workers(default)}, the largest level measured; more workers still paid "
            "there, so measure larger levels too."
        ]
    each = "the further level" if len(further) == 1 else "each further level"
    named = ", ".join(str(level.concurrency) for level in further)
    dear = [level for level in further if gains(level, chosen) and is_dear(level, chosen)]
    if dear:
        prices = [
            f"{workers(level.concurrency)} gain {percent(seconds(chosen) / seconds(level) - 1)} throughput for "
            f"{times((level.peak_bytes or 0) / (chosen.peak_bytes or 1))} the memory"
            for level in dear
        ]
        return [f"Recommended default: {workers(default)}. More cost a larger factor of memory: {listed(prices)}."]
    unsure = [level for level in further if gains(level, chosen)]
    if unsure:
        return [f"Recommended default: {workers(default)}, the smallest level that cannot be told from the fastest."]
    return [
        f"Diminishing returns: more workers stop paying after {workers(default)}, the recommended default; "
        f"{each} ({named}) gains less than 10 % throughput over it."
    ]


def _intervals(data_set: DataSet) -> list[str]:
    shown = [
        f"{workers(level.concurrency)} {times_exact(level.speedup)} ({times_exact(low)} to {times_exact(high)})"
        for level in data_set.measured
        if level.speedup is not None and level.speedup_interval is not None
        for low, high in [level.speedup_interval]
    ]
    if shown:
        return [f"Speedups with 95 % intervals: {', '.join(shown)}."]
    if data_set.baseline is None:
        return []
    if any(level.sample_count >= MINIMUM_SAMPLES and not level.samples for level in data_set.measured):
        return ["No intervals: asv kept no samples; run it with --record-samples."]
    return [f"Too few samples for an interval of the speedup: it takes {MINIMUM_SAMPLES} a level."]


def _equals_of_the_fastest(data_set: DataSet) -> list[str]:
    level, first = best(data_set), fastest(data_set.measured)
    if level is first or level.concurrency == BASELINE_CONCURRENCY:
        return []
    shortest = workers(first.concurrency)
    return [f"The shortest time is that of {shortest}, which cannot be told from {level.concurrency}."]


def _retrograde(data_set: DataSet) -> list[str]:
    slower = [
        f"{workers(loss.level.concurrency)} than {loss.smaller.concurrency}"
        for loss in losses(data_set)
        if is_slower(loss.level, loss.smaller)
    ]
    return [f"Retrograde, slower with more workers: {listed(slower)}."] if slower else []


def _memory(data_set: DataSet, default: Concurrency | None) -> str:
    known = [level for level in data_set.measured if level.peak_bytes is not None]
    if not known:
        return "Memory was not measured."
    low = known[0]
    high = next((level for level in known if level.concurrency == default), known[-1])
    if high is low:
        high = known[-1]
    text = f"Peak memory is {megabytes(low.peak_bytes)} MB with {workers(low.concurrency)}"
    if high is low or not low.peak_bytes or high.peak_bytes is None:
        return f"{text}."
    ratio = high.peak_bytes / low.peak_bytes
    return f"{text} and {megabytes(high.peak_bytes)} MB with {workers(high.concurrency)} ({times(ratio)})."


def _order_unknown(data_set: DataSet, effect: Effect) -> list[str]:
    """Neighbours in speed whose order is noise; and whether the fastest is faster than 1 worker at all."""
    by_speed: list[Level] = sorted(data_set.measured, key=seconds)
    pairs = [pair for pair in pairwise(by_speed) if not can_be_told_apart(*pair)]
    text: list[str] = []
    if pairs:
        named = "; ".join(f"{one.concurrency} and {other.concurrency}" for one, other in pairs)
        text.append(
            "The order of these levels cannot be told from these samples, the spread within a level is greater "
            f"than the difference between them: {named}."
        )
    first, base = by_speed[0], data_set.baseline
    if base is not None and first is not base and effect != "none" and not is_slower(base, first):
        text.append("That the best level is faster than 1 worker is not shown by these samples.")
    return text


def _law(law: ScalingLaw | NoLaw) -> list[str]:
    if isinstance(law, NoLaw):
        return [f"Universal Scalability Law: not shown, {law.reason}."]
    peak = "no peak in sight of these levels"
    if law.peak_workers is not None and law.peak_throughput is not None:
        peak = f"predicted peak at {workers(round(law.peak_workers))}"
    parts = f"contention {_fraction(law.contention)}, coherency {_fraction(law.coherency)}, {peak}"
    return [f"Universal Scalability Law: {parts} (it meets every level within {percent(law.largest_miss)})."]


def _fraction(value: float) -> str:
    """A share whose small values matter."""
    return f"{value * 100:.1f} %" if value >= 0.01 else f"{value * 100:.2g} %" if value >= 0.00005 else "0 %"


def _without_time(data_set: DataSet) -> list[str]:
    text = []
    for status, words in (("failed", "failed"), ("n/a", "are n/a (not run, or not offered by this commit)")):
        levels = [str(level.concurrency) for level in data_set.levels if level.status == status]
        if levels:
            text.append(f"Levels that {words}: {', '.join(levels)}.")
    return text
