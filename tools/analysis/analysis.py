"""The one judge of a data set: everything that a page says about it, each thing decided once."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from .bottleneck import bottleneck_of, ceiling_of
from .model import (
    ENOUGH_SAMPLES,
    MODEST,
    PAYING_GAIN,
    SIGNIFICANT,
    Concurrency,
    DataSet,
    Effect,
    Level,
    Report,
    counted,
    fastest,
)
from .scaling import fit
from .usage import Usage
from .words import details_of, lines_of

UNCERTAIN = 2.0  # the ends of an interval further apart than by this factor say little of the speedup

Quality = Literal["enough", "few samples", "one sample", "no spread", "no samples"]


@dataclass(frozen=True)
class Analysis:
    """What follows from the numbers of one data set, and the words for it."""

    data_set: DataSet

    @cached_property
    def differing_items(self) -> bool:
        """Whether the levels delivered different numbers of items, so that their times are not of the same work."""
        return len({level.items for level in self.data_set.measured if level.items is not None}) > 1

    @cached_property
    def compared(self) -> tuple[Level, ...]:
        """The levels whose samples order them: with a speedup interval, or one against another where 1 was not
        measured; none where their times are not of the same work."""
        levels = () if self.differing_items else self.data_set.measured
        if self.data_set.baseline is not None:
            return tuple(level for level in levels if level.speedup_interval is not None)
        return tuple(x for x in levels if any(y is not x and x.interval_over(y) is not None for y in levels))

    @cached_property
    def quality(self) -> Quality:
        """What the samples can carry, by the level with the fewest: "few samples" are two to four; one, samples without
        any spread and no samples order nothing."""
        levels = self.data_set.measured
        if any(level.sample_count == 1 for level in levels):
            return "one sample"
        if not levels or any(not level.samples and level.q25_seconds is None for level in levels):
            return "no samples"
        if len(self.compared) < len(levels) - (self.data_set.baseline is not None) and not self.differing_items:
            return "no spread"
        return "few samples" if any(level.sample_count < ENOUGH_SAMPLES for level in levels) else "enough"

    @cached_property
    def best(self) -> Level | None:
        """The smallest level that cannot be told from the fastest of those that are shown to be faster than 1 worker,
        and that no smaller one outruns.

        None where no level is. Where 1 worker was not measured, of all whose samples order them.
        """
        levels = self.compared
        if self.data_set.baseline is not None:
            levels = tuple(level for level in levels if level.is_faster)
        ahead = (level for place, level in enumerate(levels, 1) if level is fastest(levels[:place]))
        return next((level for level in ahead if not level.is_slower(fastest(levels))), None)

    @property
    def uncertain(self) -> tuple[float, float] | None:
        """The interval of the best speedup, where it is too wide to say much of it."""
        low, high = (self.best and self.best.speedup_interval) or (1.0, 1.0)
        return (low, high) if self.quality == "enough" and high > UNCERTAIN * low else None

    @cached_property
    def effect(self) -> Effect:
        """How much workers help, by the best level and by what the others might still be: "inconclusive" where an
        interval spans 1 and reaches 1.2, "unknown" where nothing can be compared."""
        levels = self.compared
        if self.data_set.baseline is None or not levels:
            return "unknown"
        speedup = self.best.rounded if self.best else 1.0
        if speedup >= MODEST:
            return "significant" if speedup >= SIGNIFICANT else "modest"
        if any(low <= 1 and high >= MODEST for low, high in (x.speedup_interval or (1, 1) for x in levels)):
            return "inconclusive"
        # A level that is in the table without an interval might be the one.
        return "none" if len(levels) + 1 == len(self.data_set.measured) else "unknown"

    @cached_property
    def allowed(self) -> tuple[Level, ...]:
        """The measured levels below the first at which the server refused."""
        refused = self.data_set.refused
        least = min(counted(refused), default=math.inf)
        others = (level for level in self.data_set.measured if level not in refused)
        return tuple(x for x in others if not isinstance(x.concurrency, int) or x.concurrency < least)

    @cached_property
    def default(self) -> Level | None:
        """The level to use: the smallest over which no larger one pays; None where nothing can be recommended.

        A larger level pays when it is shown to be faster, has 10 % more throughput, and its memory does not grow by
        more than its throughput. The default is never larger than the best level, and neither a level at which the
        server refused nor one above it. 1 worker where no other is left, and None where not even that is.
        """
        base, top, usable = self.data_set.baseline, self.best, self.allowed
        one = base if base in usable else None
        if self.data_set.refused and usable == (base,) and not self.differing_items:
            return one
        if self.effect == "none" or (self.effect == "inconclusive" and self.bottleneck == "cpu"):
            return one
        if top is None or (self.effect not in ("significant", "modest") and base is not None):
            return None
        worth = tuple(level for level in self.compared if level in usable)
        if base is not None:
            worth = tuple(level for level in worth if level.is_faster and level.rounded >= MODEST)
        numbers, most = counted(worth), top.concurrency if isinstance(top.concurrency, int) else math.inf
        small = [level for number, level in numbers.items() if number <= most]
        if isinstance(top.concurrency, str):
            alike = [level for level in worth if level.strategy == top.strategy]
            paying = [level for level in alike if all(level.pays(number) for number in numbers.values())]
            small = paying if top in paying else small
        smallest = (level for place, level in enumerate(small, 1) if not any(x.pays(level) for x in small[place:]))
        return next(smallest, one)

    @cached_property
    def rivals(self) -> tuple[Level, ...]:
        """The levels whose median is better than the default's by enough, which the samples do not show."""
        default = self.default
        if default is None or default is self.data_set.baseline:
            return ()
        better = (x for x in self.compared if x in self.allowed and x.gain_over(default) >= PAYING_GAIN)
        return tuple(x for x in better if not default.is_slower(x) and not x.is_dear(default))

    @property
    def one(self) -> Usage | None:
        """Where the time of 1 worker went; None where only its speed was measured."""
        return None if self.data_set.baseline is None else self.data_set.baseline.usage

    bottleneck = cached_property(lambda self: bottleneck_of(self.data_set, self.effect, self.best))
    ceiling = cached_property(lambda self: ceiling_of(self.data_set))
    law = cached_property(lambda self: fit(self.data_set))
    lines = cached_property(lines_of)
    details = cached_property(details_of)

    @property
    def recommended(self) -> Concurrency | None:
        return None if self.default is None else self.default.concurrency

    def as_json(self) -> dict[str, Any]:
        same = {name: getattr(self, name) for name in ("effect", "bottleneck", "recommended", "ceiling", "details")}
        return {
            **same,
            "best": self.best.concurrency if self.best else 1 if self.effect == "none" else None,
            "samples": self.quality,
            "refused": [level.concurrency for level in self.data_set.refused],
            "lines": [[line.label, line.text, line.command] for line in self.lines],
        }


@dataclass(frozen=True)
class Analysed:
    """A report and the analysis of each of its data sets: what every renderer takes."""

    report: Report
    analyses = cached_property(lambda self: tuple(map(Analysis, self.report.data_sets)))
