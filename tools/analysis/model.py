"""What was measured and where, as data, what follows by arithmetic alone, and how one level stands to another.

Times are seconds, sizes are bytes, throughput is items a second. A quantity that was not measured is None
and never zero; every renderer shows it as "n/a".
"""

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from msgspec import Meta

from tools.words import plural

from .certainty import ratio_interval
from .metrics import Measured, Status
from .usage import Kind as Kind
from .usage import Seconds as Seconds
from .usage import Usage as Usage

BASELINE = 1
ENOUGH_SAMPLES = 5
SIGNIFICANT, MODEST = 3.0, 1.2  # as the table shows it: from here on the words change
PAYING_GAIN = 1.10  # a level pays when it has at least this much of the throughput of the one it is compared with
SAME_MEMORY_BYTES = 16_000_000  # peaks that are this close are alike: an allocator rounds more than that

Count = Annotated[int, Meta(ge=0, le=10**15)]
# How many workers; "auto", which is found while running; "2 processes".
Concurrency = Annotated[int, Meta(ge=1, le=10**9)] | Annotated[str, Meta(min_length=1)]
Strategy = Literal["sequential", "concurrent", "processes", "auto"]
Effect = Literal["significant", "modest", "none", "inconclusive", "unknown"]

_PROCESSES = re.compile(r"(\d+) process(es)?")


@dataclass(frozen=True)
class Environment:
    """Where the numbers come from. `dirty` is None when nobody looked."""

    commit: str | None = None
    commit_short: str | None = None
    dirty: bool | None = None
    machine: str | None = None
    os: str | None = None
    cpu: str | None = None
    cores: Count | None = None
    ram: str | None = None
    python: str | None = None
    env_name: str | None = None
    packages: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Level:
    """One concurrency level; or a peer, another way to the same items such as a library, by its name.

    `speedup` is the median of the data set's baseline divided by this median, `speedup_interval` its 95 % interval;
    the baseline itself has none. `peak_bytes` is the peak resident set size of the benchmark process, `net_bytes` that
    less the peak of a process that only imports the package.
    """

    status: Status
    samples: tuple[Seconds, ...] = ()
    sample_count: Count = 0
    median_seconds: Seconds | None = None
    q25_seconds: Seconds | None = None
    q75_seconds: Seconds | None = None
    items: Count | None = None
    throughput: float | None = None
    peak_bytes: Count | None = None
    speedup: float | None = None
    speedup_interval: tuple[float, float] | None = None
    concurrency: Concurrency
    net_bytes: Annotated[int, Meta(ge=-(10**15), le=10**15)] | None = None
    usage: Usage | None = None

    @property
    def strategy(self) -> Strategy:
        if isinstance(self.concurrency, str):
            return "processes" if _PROCESSES.fullmatch(self.concurrency) else "auto"
        return "sequential" if self.concurrency == BASELINE else "concurrent"

    @property
    def measured(self) -> Measured:
        quartiles = self.q25_seconds, self.q75_seconds
        return Measured(self.status, self.median_seconds, self.samples, self.sample_count, *quartiles)

    @property
    def seconds(self) -> float:
        assert self.median_seconds is not None, "only measured levels are compared"
        return self.median_seconds

    @property
    def is_faster(self) -> bool:
        return self.speedup_interval is not None and self.speedup_interval[0] > 1

    @property
    def rounded(self) -> float:
        """The speedup as the table shows it, so that the words change where the numbers do."""
        return round(self.speedup or 1.0, 1)

    def gain_over(self, other: "Level") -> float:
        return other.seconds / self.seconds

    def interval_over(self, other: "Level") -> tuple[float, float] | None:
        """The 95 % interval of its time over that of another level; None where the samples order nothing."""
        return ratio_interval(self.measured, other.measured)

    def is_slower(self, other: "Level") -> bool:
        """Whether it is shown to take longer: the interval of the ratio lies above 1."""
        interval = self.interval_over(other)
        return interval is not None and interval[0] > 1.0

    def pays(self, smaller: "Level") -> bool:
        gains = self.gain_over(smaller) >= PAYING_GAIN and smaller.is_slower(self)
        return gains and not self.is_dear(smaller)

    def is_dear(self, smaller: "Level") -> bool:
        """Whether memory grows by a larger factor than throughput; peaks that are alike cost nothing."""
        most, least = self.peak_bytes, smaller.peak_bytes
        if most is None or not least or most - least <= SAME_MEMORY_BYTES:
            return False
        return most / least > self.gain_over(smaller)


@dataclass(frozen=True)
class DataSet:
    """One input, measured at several levels: numbers ascending, then processes, then "auto".

    `command` is what measured it, as typed into a shell, `version` that of the benchmark; None where nobody knows.
    """

    title: str
    key: str
    kind: Kind
    source: str
    items: Count | None
    levels: tuple[Level, ...]
    peers: tuple[Level, ...] = ()
    command: str | None = None
    version: str | None = None

    @property
    def measured(self) -> tuple[Level, ...]:
        return tuple(level for level in self.levels if level.median_seconds is not None)

    @property
    def baseline(self) -> Level | None:
        """The level that speedups refer to, when it has a time."""
        return next((x for x in self.measured if x.concurrency == BASELINE), None)

    @property
    def waiting(self) -> str:
        """What a worker does that is idle: files may lie on a server, too."""
        is_remote = self.kind == "api" or "remote" in self.key.lower() or re.match(r"(?i)(?!file:)\w+://", self.source)
        return f"waiting for the {'server' if is_remote else 'disk'}"

    @property
    def refused(self) -> tuple[Level, ...]:
        """The levels at which the server answered that it was asked too often."""
        return tuple(x for x in self.measured if x.usage is not None and (x.usage.refusals or 0) > 0)

    @property
    def by_fastest_smaller(self) -> list[tuple[Level, Level]]:
        """Each number of workers but the least, with the fastest of the smaller ones."""
        levels = tuple(counted(self.measured).values())
        return [(level, fastest(levels[:place])) for place, level in enumerate(levels) if place]

    @property
    def is_quick(self) -> bool:
        """Whether a level was timed too few times to call the result a measurement."""
        return any(level.sample_count < ENOUGH_SAMPLES for level in self.measured)

    @property
    def speedup_missing_because(self) -> str | None:
        if self.baseline is not None:
            return None
        state = next((x.status for x in self.levels if x.concurrency == BASELINE), None)
        words = {"failed": "failed", None: "was not measured"}.get(state, "is n/a")
        return f"the baseline (1 worker) {words}"


@dataclass(frozen=True)
class Report:
    """Everything a page shows. `created` is UTC in ISO 8601."""

    created: str
    environment: Environment
    data_sets: tuple[DataSet, ...]

    @property
    def quick(self) -> bool:
        return any(data_set.is_quick for data_set in self.data_sets)


def make_level(
    concurrency: Concurrency,
    measured: Measured,
    *,
    items: int | None = None,
    peak_bytes: int | None = None,
    import_bytes: int | None = None,
    usage: Usage | None = None,
) -> Level:
    """A level from its timed runs, in seconds, or from what is known of them: their median, their number, and their
    quartiles where these lie on both sides of it. `import_bytes` is the peak of a process that only imports.

    Raises ValueError: a sample is not a positive number, or there is no time that could be ok.
    """
    if measured.status != "ok":
        measured, usage = Measured(measured.status, sample_count=0), None
    samples, median, count = measured.samples, measured.value, measured.sample_count
    low, high = measured.q25, measured.q75
    if samples:
        if not all(math.isfinite(sample) and sample > 0 for sample in samples):
            raise ValueError(f"a measured level needs positive finite samples, got {samples!r}")
        median, count = statistics.median(samples), len(samples)
        # As asv and numpy define quartiles; one run has none.
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive") if count > 1 else (None,) * 3
    if measured.status == "ok" and median is None:
        raise ValueError("a level that is ok has no time")
    if median is None or low is None or high is None or not low <= median <= high:
        low = high = None
    return Level(
        concurrency=concurrency,
        status=measured.status,
        samples=samples,
        sample_count=count,
        median_seconds=median,
        q25_seconds=low,
        q75_seconds=high,
        items=items,
        throughput=items / median if items is not None and median else None,
        peak_bytes=peak_bytes,
        net_bytes=None if peak_bytes is None or import_bytes is None else peak_bytes - import_bytes,
        usage=usage,
    )


def with_speedups(data_set: DataSet) -> DataSet:
    """Its levels in order, the fastest peers first, with every speedup. Raises ValueError: a level is there twice."""
    levels = sorted(data_set.levels, key=lambda level: order_of(level.concurrency))
    names = [level.concurrency for level in levels]
    if len(set(names)) < len(names):
        raise ValueError(f"{data_set.key}: a concurrency level is there twice in {names}")
    peers = sorted(data_set.peers, key=lambda peer: (peer.median_seconds or math.inf, str(peer.concurrency)))
    base = data_set.baseline
    return replace(
        data_set,
        levels=tuple(_compared(base, level) for level in levels),
        peers=tuple(_compared(base, peer) for peer in peers),
    )


def order_of(concurrency: Concurrency) -> tuple[int, int, str]:
    """The place of a level among the others: numbers, processes, other words."""
    if isinstance(concurrency, int):
        return 0, concurrency, ""
    found = _PROCESSES.fullmatch(concurrency)
    return (1, int(found[1]), concurrency) if found else (2, 0, concurrency)


def title_of(kind: Kind, items: int) -> str:
    """The heading of a data set: "10K JSON Files", "1 API Item"."""
    units = ((1_000_000, "M"), (1_000, "K"), (1, ""))
    size, letter = next(unit for unit in units if items >= unit[0] and items % unit[0] == 0) if items else units[-1]
    return f"{items // size:,}{letter} {'JSON File' if kind == 'file' else 'API Item'}{'s' * (items != 1)}"


def sample_counts(levels: Sequence[Level]) -> str:
    """How often each level was timed: "5 samples a level", "1 to 3 samples a level"."""
    counts = sorted({level.sample_count for level in levels if level.status == "ok"})
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} samples a level"
    return f"{plural(counts[0], 'sample')} a level" if counts else "no samples"


def _compared(base: Level | None, level: Level) -> Level:
    """The same with its speedup over a baseline of as many items; the baseline itself has no interval."""
    is_other_work = base is not None and None not in (base.items, level.items) and base.items != level.items
    if base is None or is_other_work or base.median_seconds is None or level.median_seconds is None:
        return replace(level, speedup=None, speedup_interval=None)
    interval = None if level is base else base.interval_over(level)
    return replace(level, speedup=base.median_seconds / level.median_seconds, speedup_interval=interval)


def fastest(levels: tuple[Level, ...]) -> Level:
    """The level with the shortest median; of equals the first, which is the smallest."""
    return min(levels, key=lambda level: level.seconds)


def counted(levels: tuple[Level, ...]) -> dict[int, Level]:
    """The levels that are a number of workers, by that number."""
    return {level.concurrency: level for level in levels if isinstance(level.concurrency, int)}
