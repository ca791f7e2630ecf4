"""What is compared: a series is one benchmark with one combination of parameters, a run what one commit measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Params = tuple[tuple[str, str], ...]
Status = Literal["ok", "n/a", "failed"]
QUARTILES_FROM = 10
"""So many samples, and their quartiles with the median stand for them: with fewer these call too much."""


@dataclass(frozen=True)
class Series:
    """What can be compared between commits: one benchmark, in one version, with one combination of parameters.

    `kind` is asv's: time, timeraw, peakmemory, track.
    """

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
    quartiles. n/a: skipped, or not selected. `has_version` is false where no version was recorded and the one of today
    is assumed.
    """

    status: Status
    value: float | None = None
    samples: tuple[float, ...] = ()
    sample_count: int = 1
    q25: float | None = None
    q75: float | None = None
    has_version: bool = True

    @property
    def sample(self) -> tuple[float, ...]:
        """The samples; where they were not kept, the median and the quartiles of ten or more, as if these were three;
        or the one value that there is.
        """
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
