"""What is compared: a series is one benchmark with one combination of parameters, a run what one commit measured. And
what each metric is: whether it is ours to judge, which direction is good, what change is called. Here alone.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Params = tuple[tuple[str, str], ...]
Status = Literal["ok", "n/a", "failed"]
QUARTILES_FROM = 10
"""So many samples, and their quartiles with the median stand for them: with fewer these call too much."""


@dataclass(frozen=True)
class Series:
    """One benchmark in one version, with one combination of parameters; asv's kinds are time, peakmemory, track."""

    benchmark: str
    params: Params
    kind: str
    unit: str
    version: str

    @property
    def name(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.params)
        return f"{self.benchmark}({shown})" if shown else self.benchmark


@dataclass(frozen=True)
class Measured:
    """One series at one commit: the median, and the samples where they were kept; else how many there were, and their
    quartiles. n/a: skipped, or not selected.
    """

    status: Status
    value: float | None = None
    samples: tuple[float, ...] = ()
    sample_count: int = 1
    q25: float | None = None
    q75: float | None = None

    @property
    def sample(self) -> tuple[float, ...]:
        """The samples; where they were not kept, the median with the quartiles of ten or more; or the one value."""
        if self.samples or self.value is None:
            return self.samples
        low, high = self.q25 or 0.0, self.q75 or 0.0
        is_known = self.sample_count >= QUARTILES_FROM and 0 < low <= self.value <= high
        return (low, self.value, high) if is_known else (self.value,)


@dataclass(frozen=True)
class Run:
    """One commit, measured once, in one environment. `left_out` are benchmarks that nothing describes."""

    commit: str
    environment: str
    series: Mapping[Series, Measured]
    left_out: tuple[str, ...] = ()


Nature = Literal["exact", "memory", "time", "other"]

EXACT_UNITS = {
    "instructions/item": 0.005, "requests": 0.0, "requests/1,000 items": 0.0, "documents": 0.0, "modules": 0.02
}  # fmt: skip
"""Units of counts that come out the same each time, and the change from which on they are called."""
EXPLAINING_UNITS = ("seconds or count",)
"""Units of what tells where a time went (`benchmarks/usage.py`): one run each, and the time itself is judged."""
OF_OTHERS = re.compile(r"(peers|stages|decoders|live_api)\.|.*Peers\.")
"""What times other code beside ours, or servers of others: no commit makes these slower."""
BARE = "bare"  # parameters that begin so name a loop without the package, which is there to be compared with
MEMORY_CHANGE = TIMING_CHANGE = 0.05
PAIRED_TIMING_CHANGE = 0.03  # interleaved rounds see the same machine on both sides, so less is enough

_RATE = re.compile(r".*(?:/|\bper\b)\s*(?:s|secs?|seconds?|min|minutes?|h|hours?)|[fqrt]ps|[kmgtp]flops", re.IGNORECASE)
_SIZE = re.compile(r"(?:[kmgt]i?)?b|(?:kilo|mega|giga|kibi|mebi|gibi)?bytes?", re.IGNORECASE)
_TIME = re.compile(r"(?:[mun]|µ|milli|micro|nano)?(?:s|secs?|seconds?)|min|minutes?|hours?", re.IGNORECASE)


@dataclass(frozen=True)
class Metric:
    """One kind of quantity, by its nature: exact, the same each time; memory, nearly so; time (or a rate) and other,
    samples of a distribution. Lower is not better for what is wanted in plenty, such as items a second. Up to
    `least_change`, a fraction, a change is not called, however certain it is; `more` and `less` are the words for one.
    """

    nature: Nature
    lower_is_better: bool
    least_change: float
    more: str = "more"
    less: str = "less"

    def is_large(self, ratio: float) -> bool:
        return abs(math.log(ratio)) > math.log1p(self.least_change)


def is_judged(benchmark: str, params: Mapping[str, str], unit: str) -> bool:
    """Whether a change of it is one of ours."""
    is_bare = any(value.strip("'\"").startswith(BARE) for value in params.values())
    return not OF_OTHERS.match(benchmark) and not is_bare and unit not in EXPLAINING_UNITS


def metric_of(series: Series, *, paired: bool = False) -> Metric | None:
    """The metric of a benchmark, by its name, asv's kind of it and its unit; None for what is not judged."""
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
