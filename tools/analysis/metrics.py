"""What each metric is: whether it is ours to judge, which direction is good, what change is called. Here alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .series import Series

Nature = Literal["exact", "memory", "time", "other"]

EXACT_UNITS = {
    "instructions/item": 0.005, "requests": 0.0, "requests/1,000 items": 0.0, "documents": 0.0, "modules": 0.02
}  # fmt: skip
"""Units of counts that come out the same each time, and the change from which on they are called."""
EXPLAINING_UNITS = ("seconds or count",)
"""Units of what tells where a time went (`benchmarks/usage.py`): one run each, and the time itself is judged."""
OF_OTHERS = ("peers", "stages", "decoders", "live_api")
"""Modules of the suite that time other code beside ours, or servers of others: no commit makes these slower."""
BARE = "bare"  # parameters that begin so name a loop without the package, which is there to be compared with
MEMORY_CHANGE = TIMING_CHANGE = 0.05
PAIRED_TIMING_CHANGE = 0.03  # interleaved rounds see the same machine on both sides, so less is enough

_RATE = re.compile(r".*(?:/|\bper\b)\s*(?:s|secs?|seconds?|min|minutes?|h|hours?)", re.IGNORECASE)
_SIZE = re.compile(r"(?:[kmgt]i?)?b|(?:kilo|mega|giga|kibi|mebi|gibi)?bytes?", re.IGNORECASE)
_TIME = re.compile(r"(?:[mun]|µ|milli|micro|nano)?(?:s|secs?|seconds?)|min|minutes?|hours?", re.IGNORECASE)


@dataclass(frozen=True)
class Metric:
    """One kind of quantity.

    Attributes:
        nature: exact, the same each time; memory, nearly so; time (or a rate) and other, samples of a distribution.
        lower_is_better: False for what is wanted in plenty, such as items a second.
        least_change: The fraction up to which a change is not called, however certain it is.
        more, less: The words for a change.
    """

    nature: Nature
    lower_is_better: bool
    least_change: float
    more: str = "more"
    less: str = "less"


def is_judged(benchmark: str, params: Mapping[str, str], unit: str) -> bool:
    """Whether a change of it is one of ours."""
    is_bare = any(value.strip("'\"").startswith(BARE) for value in params.values())
    return benchmark.partition(".")[0] not in OF_OTHERS and not is_bare and unit not in EXPLAINING_UNITS


def metric_of(series: Series, *, paired: bool = False) -> Metric | None:
    """The metric of a benchmark, by its name, asv's kind of it and its unit; None for what is not judged.

    asv itself takes lower for better everywhere.
    """
    kind, unit = series.kind, series.unit
    if not is_judged(series.benchmark, dict(series.params), unit):
        return None
    if unit in EXACT_UNITS:
        return Metric("exact", True, EXACT_UNITS[unit])
    if kind == "peakmemory" or _SIZE.fullmatch(unit):
        return Metric("memory", True, MEMORY_CHANGE)
    least = PAIRED_TIMING_CHANGE if paired else TIMING_CHANGE
    if _RATE.fullmatch(unit):
        return Metric("time", False, least)
    if kind in ("time", "timeraw") or _TIME.fullmatch(unit):
        return Metric("time", True, least, "slower", "faster")
    return Metric("other", True, least)
