"""What each metric is: which direction is good, whether it scatters, what change is called. The one place for it."""

from dataclasses import dataclass
from typing import Literal

Nature = Literal["exact", "memory", "scattering"]

EXACT_UNITS = {
    "instructions/item": 0.005,
    "requests": 0.0,
    "requests/1,000 items": 0.0,
    "documents": 0.0,
    "modules": 0.02,
}
"""Units of counts that come out the same each time, and the change from which on they are called."""
EXPLAINING_UNITS = ("seconds or count",)
"""Units of what tells where a time went (`benchmarks/usage.py`): one run each, and the time itself is judged."""
MEMORY_CHANGE = 0.05
TIMING_CHANGE = 0.05
PAIRED_TIMING_CHANGE = 0.03
"""Interleaved rounds see the same machine on both sides, so less is enough."""


@dataclass(frozen=True)
class Metric:
    """One kind of quantity.

    Attributes:
        nature: exact, the same each time; memory, nearly so; scattering, a sample of a distribution.
        lower_is_better: False for what is wanted in plenty, such as items a second.
        least_change: The fraction up to which a change is not called, however certain it is.
        more, less: The words for a change.
    """

    nature: Nature
    lower_is_better: bool
    least_change: float
    more: str = "more"
    less: str = "less"


def metric_of(kind: str, unit: str, *, paired: bool = False) -> Metric | None:
    """The metric of a benchmark, by asv's kind of it and its unit; None for what is not judged.

    asv itself takes lower for better everywhere.
    """
    if unit in EXPLAINING_UNITS:
        return None
    if unit in EXACT_UNITS:
        return Metric("exact", True, EXACT_UNITS[unit])
    if kind == "peakmemory" or unit == "bytes":
        return Metric("memory", True, MEMORY_CHANGE)
    least = PAIRED_TIMING_CHANGE if paired else TIMING_CHANGE
    if unit.endswith("/s"):
        return Metric("scattering", False, least)
    if kind in ("time", "timeraw") or unit in ("seconds", "s"):
        return Metric("scattering", True, least, "slower", "faster")
    return Metric("scattering", True, least)
