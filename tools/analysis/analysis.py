"""The one judge of a data set: everything that a page says about it, computed once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from .bottleneck import Bottleneck, bottleneck_of, ceiling_of
from .model import MEASUREMENT_SAMPLES, Concurrency, DataSet, Level, Report
from .ranking import Effect, best, compared, differing_items, effect_of, recommended, refused
from .scaling import ScalingLaw, fit
from .usage import Usage
from .words import Line as Line
from .words import details_of, lines_of

Quality = Literal["enough", "few samples", "one sample", "no spread", "no samples"]


@dataclass(frozen=True)
class Analysis:
    """What follows from the numbers of one data set, and the words for it.

    Attributes:
        quality: Of the samples: "few samples" are two to four a level; "one sample", samples without any spread and
            no samples order nothing.
        effect: How much workers help: "inconclusive" where an interval spans 1 and reaches 1.2, "unknown" where nothing
            can be compared.
        best: The smallest level that cannot be told from the fastest; None where no level is shown to be faster than
            1 worker.
        default: The level to use; None where nothing can be recommended.
        refused: The levels at which the server refused requests.
        bottleneck: What keeps the work from being faster; its words are in `bottleneck_in_words`.
        one: Where the time of 1 worker went; None where only its speed was measured.
        ceiling: The speedup that the time on one thread allows at most (Amdahl's law); None: not known, or no limit.
        law: The Universal Scalability Law, where the levels follow it.
    """

    data_set: DataSet
    quality: Quality
    effect: Effect
    best: Level | None
    default: Level | None
    refused: tuple[Level, ...]
    bottleneck: Bottleneck
    one: Usage | None
    ceiling: float | None
    law: ScalingLaw | None

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return lines_of(self)

    @cached_property
    def details(self) -> tuple[str, ...]:
        return details_of(self)

    @property
    def recommended(self) -> Concurrency | None:
        return None if self.default is None else self.default.concurrency

    @property
    def best_concurrency(self) -> Concurrency | None:
        """The best level; 1 where nothing is faster, None where that is not known."""
        if self.best is not None:
            return self.best.concurrency
        return 1 if self.effect == "none" else None

    def as_json(self) -> dict[str, Any]:
        same = {name: getattr(self, name) for name in ("effect", "bottleneck", "recommended", "ceiling", "details")}
        return {
            **same,
            "best": self.best_concurrency,
            "samples": self.quality,
            "refused": [level.concurrency for level in self.refused],
            "lines": [[line.label, line.text, line.command] for line in self.lines],
        }


@dataclass(frozen=True)
class Analysed:
    """A report and the analysis of each of its data sets: what every renderer takes."""

    report: Report
    analyses: tuple[Analysis, ...]


def analyse_report(report: Report) -> Analysed:
    return Analysed(report, tuple(map(analyse, report.data_sets)))


def analyse(data_set: DataSet) -> Analysis:
    top, base = best(data_set), data_set.baseline
    effect = effect_of(data_set, top)
    bottleneck = bottleneck_of(data_set, effect, top)
    return Analysis(
        data_set=data_set,
        quality=quality_of(data_set),
        effect=effect,
        best=top,
        default=_default(data_set, effect, top, bottleneck),
        refused=refused(data_set),
        bottleneck=bottleneck,
        one=None if base is None else base.usage,
        ceiling=ceiling_of(data_set),
        law=fit(data_set),
    )


def _default(data_set: DataSet, effect: Effect, top: Level | None, bottleneck: Bottleneck) -> Level | None:
    base = data_set.baseline
    if effect == "none" or (effect == "inconclusive" and bottleneck == "cpu"):
        return None if base in refused(data_set) else base
    if top is None or (effect not in ("significant", "modest") and base is not None):
        return None
    return recommended(data_set, top)


def quality_of(data_set: DataSet) -> Quality:
    """What the samples can carry: that of the level with the fewest."""
    levels = data_set.measured
    if any(level.sample_count == 1 for level in levels):
        return "one sample"
    if not levels or any(not level.samples and level.q25_seconds is None for level in levels):
        return "no samples"
    if len(compared(data_set)) < len(levels) - (data_set.baseline is not None) and not differing_items(data_set):
        return "no spread"
    return "few samples" if any(level.sample_count < MEASUREMENT_SAMPLES for level in levels) else "enough"
