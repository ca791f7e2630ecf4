"""The sentences of an analysis: at most five under the table, the advice first, what to run next last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles
from typing import TYPE_CHECKING

from tools.words import listed, megabytes, share, significant, times, workers

from .bottleneck import bottleneck_in_words, hindered, plateau, too_few_tasks
from .model import DataSet, Level, counted, sample_counts
from .next_run import next_run
from .scaling import law_in_words
from .usage import busy_in_words, shares_in_words

if TYPE_CHECKING:
    from .analysis import Analysis

SEVERAL_CORES = 1.2  # more than one core's worth
ALIKE = 0.05  # the share of a peak in memory that another is above or below it and still about the same
READABLE = 20  # samples of a level that are listed one by one


@dataclass(frozen=True)
class Line:
    """A sentence of a page: a label in bold, the text, and a command or options to type, if any."""

    label: str
    text: str
    command: str | None = None


def lines_of(found: Analysis) -> tuple[Line, ...]:
    cautions, further, data_set = cautions_of(found), next_run(found), found.data_set
    notes = [Line("Note", cautions[0])] if cautions else []
    following = [Line("Next", further[0], further[1] or None)] if further else []
    limit = bottleneck_in_words(found.bottleneck, data_set.waiting, bool(data_set.refused))
    why = _why_bottleneck(found)
    bottleneck = Line("Bottleneck", f"{limit} ({why})" if why else limit)
    return (Line(*_advice(found)), Line("Best Performance", _best(found)), bottleneck, *notes, *following)


def details_of(found: Analysis) -> tuple[str, ...]:
    """The cautions that have no room under the table, and what the sentences rest on."""
    data_set, law = found.data_set, found.law if found.effect != "unknown" else None
    sentences = [
        *(f"{_capital(caution)}." for caution in cautions_of(found)[1:]),
        _intervals(found),
        *_time(found),
        _equals(found),
        *_slower(found),
        _memory(found),
        law_in_words(law, max(counted(data_set.measured))) if law else "",
        _samples(data_set),
    ]
    return tuple(filter(None, sentences))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _advice(found: Analysis) -> tuple[str, str]:
    default, data_set = found.default, found.data_set
    if default is None:
        return "No advice yet", _no_advice(found)
    use = f"Use {workers(default.concurrency)}"
    if found.effect == "inconclusive" and found.one is not None:
        return use, f"it keeps the CPU busy {busy_in_words(found.one)} of the time, so more workers can hardly help"
    if default is data_set.baseline:
        return use, _why_one(found)
    if default.speedup is None:
        why = f"the speedup is unknown, because {data_set.speedup_missing_because}"
        return use, f"{why}{_beside_the_best(found, default)}"
    return use, f"{times(default.speedup)} the throughput of 1 worker{_beside_the_best(found, default)}"


def _why_one(found: Analysis) -> str:
    refused = found.data_set.refused
    if refused:
        top = max(level.speedup or 1.0 for level in refused)
        reach = f", which reached {times(top)} at most" if found.best in refused else ""
        return f"the server refused requests at {named(refused)}{reach}"
    if found.best is not None:
        return f"{_are([found.best])} only {share((found.best.speedup or 1) - 1)} faster"
    others = found.compared
    if all(level.speedup_interval and level.speedup_interval[1] < 1 for level in others):
        return "more workers are slower" if counted(others) else f"{_are(others)} slower"
    return "more workers are not measurably faster"


def _beside_the_best(found: Analysis, default: Level) -> str:
    """Why the default is not the best level, or not the one with the shortest time in the table."""
    top = found.best
    if found.rivals:
        return f"; the samples do not tell whether {_are(found.rivals)} faster"
    if top is None or top is default:
        return ""
    if top in found.data_set.refused:
        return f"; the server refused requests at {workers(top.concurrency)}"
    if not default.is_slower(top):
        return f"; {_are([top])} not measurably faster"
    gain = top.gain_over(default) - 1
    if not top.pays(default) and top.is_dear(default):
        memory = times((top.peak_bytes or 0) / (default.peak_bytes or 1))
        return f"; {_are([top])} {share(gain)} faster, at {memory} the memory"
    return f"; {_are([top])} {'less than 1 %' if gain < 0.01 else f'only {share(gain)}'} faster"


def _are(levels: Sequence[Level]) -> str:
    """ "1 worker is", "5 and 10 workers are", "auto concurrency is"."""
    name = named(levels)
    return f"{name} {'are' if len(levels) > 1 or name.endswith('s') else 'is'}"


def named(levels: Iterable[Level]) -> str:
    """ "5, 10 and 20 workers", "1 and 5 workers and auto concurrency"."""
    names = [level.concurrency for level in levels]
    numbers = [f"{name:,}" for name in names if isinstance(name, int)]
    words = [workers(name) for name in names if isinstance(name, str)]
    if len(numbers) > 1:
        return " and ".join(filter(None, [f"{listed(numbers)} workers", listed(words)]))
    return listed(list(map(workers, names)))


def _no_advice(found: Analysis) -> str:
    data_set = found.data_set
    if not data_set.measured:
        return "no level has a time"
    if found.differing_items:
        counts = ", ".join(f"{x.items:,} at {workers(x.concurrency)}" for x in data_set.measured if x.items is not None)
        return f"the levels delivered different numbers of items ({counts}), so their times cannot be compared"
    if data_set.refused and data_set.baseline in data_set.refused:
        return "the server refused requests even at 1 worker"
    if found.effect == "inconclusive":
        wide = max(found.compared, key=lambda level: (level.speedup_interval or (0, 0))[1])
        low, high = wide.speedup_interval or (0.0, 0.0)
        return f"the samples are too noisy to judge ({workers(wide.concurrency)}: {_exact(low)} to {_exact(high)})"
    if len(data_set.measured) < 2:
        return f"only {'1 worker' if data_set.baseline else 'one level'} has a time"
    once = [level for level in data_set.measured if level.sample_count == 1]
    if len(once) == len(data_set.measured):
        split = "" if found.one is None else " and where the time goes"
        return f"one run a level shows that it works{split}, not which level is faster"
    if once:
        return f"{named(once)} ran only once, which is not enough to compare"
    reasons = {
        "no samples": "asv kept neither samples nor quartiles",
        "no spread": "all samples of a level are the same, so their noise is not known",
    }
    return reasons.get(found.quality) or data_set.speedup_missing_because or "no level can be compared"


def _best(found: Analysis) -> str:
    if found.best is not None:
        level = found.best
        speedup = ", speedup n/a" if level.speedup is None else f" with {times(level.speedup)} speedup"
        equals = [x for x in found.compared if x.seconds < level.seconds]
        tie = f" ({_are(equals)} not measurably faster)" if equals else ""
        return f"{workers(level.concurrency)}{speedup}{tie}"
    if found.effect == "none":
        return "1 worker (sequential), nothing is faster"
    return "too noisy to judge" if found.effect == "inconclusive" else "not judged"


def _why_bottleneck(found: Analysis) -> str:
    data_set, one = found.data_set, found.one
    if data_set.refused:
        counts = [(level, (level.usage and level.usage.refusals) or 0) for level in data_set.refused]
        shown = (f"{f'{x:,.0f}' if x >= 1 else 'under 1'} at {workers(level.concurrency)}" for level, x in counts)
        return f"refused requests in a run: {', '.join(shown)}"
    if found.bottleneck == "unknown":
        # That the machine was busy is noted.
        return "" if one is None or one.crowded else f"with 1 worker, {shares_in_words(one, data_set.waiting)}"
    flat, lost = plateau(data_set), hindered(data_set)
    if found.bottleneck == "limited" and flat is not None:
        rate = "" if flat.throughput is None else f" at {significant(flat.throughput)} items/s"
        return f"from {workers(flat.concurrency)} on, throughput levels off{rate} while the CPU is idle"
    if found.bottleneck == "contention" and lost is not None:
        level, smaller = lost
        return (f"{workers(level.concurrency)} have {share(level.gain_over(smaller))} of the throughput of "
                f"{workers(smaller.concurrency)}")  # fmt: skip
    if one is None:
        return "" if found.bottleneck == "inconclusive" else "from the speedup alone"
    busy = f"1 worker keeps {'it' if found.bottleneck == 'cpu' else 'the CPU'} busy {busy_in_words(one)} of the time"
    return ", ".join(filter(None, [busy, _cores(found)]))


def _cores(found: Analysis) -> str:
    if found.best is None or found.best.usage is None or found.best.usage.cores < SEVERAL_CORES:
        return ""
    return f"{workers(found.best.concurrency)} keep {found.best.usage.cores:.1f} cores busy"


def cautions_of(found: Analysis) -> tuple[str, ...]:
    data_set = found.data_set
    measured, few, part = data_set.measured, too_few_tasks(data_set), "page" if data_set.kind == "api" else "document"
    failed, absent = ([x for x in data_set.levels if x.status == status] for status in ("failed", "n/a"))
    crowded = [level for level in measured if level.usage is not None and level.usage.crowded]
    unjudged = [x for x in measured if x is not data_set.baseline and x not in found.compared]
    is_wide = found.compared and found.quality == "few samples"
    text = [
        failed and f"{named(failed)} failed",
        crowded
        and "the CPU was not always free (other work, or a quota)"
        + (len(crowded) < len(measured)) * f" at {named(crowded)}",
        few and f"only {few[0]:g} {part}{'s' * (few[0] != 1)} to share, too few for {named(few[1].values())}",
        is_wide and f"only {sample_counts(measured)}, so the intervals are wide",
        found.best
        and found.uncertain
        and f"noisy samples: the speedup of {workers(found.best.concurrency)} may be "
        f"anything from {' to '.join(map(_exact, found.uncertain))}",
        found.effect != "unknown" and unjudged and f"{named(unjudged)} had too few samples to be compared",
        absent and f"{named(absent)}: n/a (not run, or not offered by this commit)",
    ]
    return tuple(words for words in text if isinstance(words, str))


def _intervals(found: Analysis) -> str:
    shown = []
    for level in found.compared:
        if level.speedup is not None and level.speedup_interval is not None:
            low, high = level.speedup_interval  # as the table rounds it, a speedup may lie outside of its interval
            speedup = "1.00x" if low <= 1 <= high and abs(level.speedup - 1) < 0.005 else _exact(level.speedup)
            shown.append(f"{workers(level.concurrency)} {speedup} ({_exact(low)} to {_exact(high)})")
    basis = f", from {sample_counts(found.data_set.measured)}" if found.data_set.is_quick else ""
    return f"Speedups with 95 % intervals{basis}: {', '.join(shown)}." if shown else ""


def _exact(ratio: float) -> str:
    """The end of an interval, so that what is above 1 reads as above 1."""
    if ratio >= 9.995 or ratio < 0.01:
        return times(ratio)
    return f"{ratio:.2f}x" if abs(ratio - 1) >= 0.005 else f"{ratio:.5g}x"


def _time(found: Analysis) -> list[str]:
    """Where the time went with 1 worker, what that allows, and how busy the CPU was with the best level."""
    if found.one is None:
        return ["Only the speed was recorded, no CPU or stage times."] if found.effect != "unknown" else []
    text = [f"With 1 worker: {shares_in_words(found.one, found.data_set.waiting)}."]
    if found.ceiling is not None and found.effect in ("significant", "modest"):
        limit = f"{found.ceiling:.0f}x" if found.ceiling >= 10 else times(found.ceiling)
        part = share(found.one.serial)
        text.append(f"One thread must do {part} of the work, which limits the speedup to {limit} (Amdahl's law).")
    best = found.best
    if best is not None and best.usage is not None and best.strategy != "processes":  # whose CPU time is not known
        busy = _cores(found) or f"{workers(best.concurrency)} kept the CPU busy {busy_in_words(best.usage)} of the time"
        text.append(f"{_capital(busy)}.")
    return text


def _equals(found: Analysis) -> str:
    """Neighbours in speed whose order is noise."""
    levels = [x for x in found.data_set.measured if x is found.data_set.baseline or x in found.compared]
    by_speed = sorted(levels, key=lambda level: level.seconds)
    pairs = [sorted(pair, key=levels.index) for pair in pairwise(by_speed) if not pair[1].is_slower(pair[0])]
    text = "; ".join(f"{one.concurrency} and {other.concurrency}" for one, other in pairs)
    return f"Not measurably different: {text}." if text else ""


def _slower(found: Analysis) -> list[str]:
    """Levels with less throughput than a smaller one."""
    slower: dict[str, list[Level]] = {}
    for level, smaller in () if found.differing_items else found.data_set.by_fastest_smaller:
        if level.is_slower(smaller):
            slower.setdefault(workers(smaller.concurrency), []).append(level)
    return [f"Slower than {name}: {named(levels)}." for name, levels in slower.items()]


def _memory(found: Analysis) -> str:
    known = [(x, x.peak_bytes) for x in found.data_set.measured if x.peak_bytes]
    if len(known) < 2:
        return "" if known else "Memory was not measured."
    (low, least), *others = known
    high, most = next((x for x in others if x[0] is found.default), max(others, key=lambda x: x[1]))
    if abs(most - least) <= ALIKE * least:
        return f"Peak memory: {megabytes(least)} MB, about the same with {workers(high.concurrency)}."
    return (f"Peak memory: {megabytes(least)} MB with {workers(low.concurrency)}, {megabytes(most)} MB "
            f"with {workers(high.concurrency)}.")  # fmt: skip


def _samples(data_set: DataSet) -> str:
    shown = [(workers(x.concurrency), x.samples) for x in data_set.measured if x.samples]
    shown += [(str(peer.concurrency), peer.samples) for peer in data_set.peers if peer.samples]
    every = "Every sample" if all(len(samples) <= READABLE for _, samples in shown) else "Samples"
    return f"{every} (s), {'; '.join(f'{name}: {_listed(samples)}' for name, samples in shown)}." if shown else ""


def _listed(samples: Sequence[float]) -> str:
    if len(samples) <= READABLE:
        return ", ".join(map(significant, samples))
    least, low, high, most = map(significant, (min(samples), *quantiles(samples, n=4)[::2], max(samples)))
    return f"{len(samples)} from {least} to {most}, half of them from {low} to {high}"
