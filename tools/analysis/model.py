"""The report as data: what was measured, where, and what follows by arithmetic alone.

Times are seconds, sizes are bytes, throughput is items a second. A quantity that was not measured is None
and never zero; every renderer shows it as "n/a".
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeVar

from .significance import ratio_interval

SCHEMA_VERSION = 2
BASELINE_CONCURRENCY = 1
MEASUREMENT_SAMPLES = 5

Concurrency = int | str
Kind = Literal["file", "api"]
Status = Literal["ok", "n/a", "failed"]
Strategy = Literal["sequential", "concurrent", "auto"]


@dataclass(frozen=True)
class Environment:
    """Where the numbers come from. `dirty` is None when nobody looked."""

    commit: str | None = None
    commit_short: str | None = None
    dirty: bool | None = None
    machine: str | None = None
    os: str | None = None
    cpu: str | None = None
    cores: int | None = None
    ram: str | None = None
    python: str | None = None
    env_name: str | None = None
    packages: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Usage:
    """Where the time of a level's runs went: the mean of one run, in seconds.

    `cpu_seconds` is of all threads of the benchmark process together, so it can exceed `wall_seconds`.
    `queue_seconds` is how long the process was ready to run while the machine ran others; None where the system
    does not say. `stages` are named by the package that was measured ("waiting", "reading", "decoding",
    "consumer") and are of the clock on the wall. `tasks` is how many pages or documents the workers had to share;
    `refusals` is how often a server answered that it was asked too often.
    """

    runs: int
    wall_seconds: float
    cpu_seconds: float
    queue_seconds: float | None = None
    stages: Mapping[str, float] | None = None
    tasks: float | None = None
    refusals: float | None = None


@dataclass(frozen=True)
class Level:
    """One concurrency level of a data set.

    `peak_bytes` is the peak resident set size of the benchmark process; `net_bytes` is what is left of it
    without the peak of a process that only imports the package. `speedup` is the median of the baseline
    level divided by this level's median, `speedup_interval` its 95 % interval.
    """

    concurrency: Concurrency
    strategy: Strategy
    status: Status
    samples: tuple[float, ...] = ()
    sample_count: int = 0
    median_seconds: float | None = None
    q25_seconds: float | None = None
    q75_seconds: float | None = None
    items: int | None = None
    throughput: float | None = None
    peak_bytes: int | None = None
    net_bytes: int | None = None
    speedup: float | None = None
    speedup_interval: tuple[float, float] | None = None
    usage: Usage | None = None


@dataclass(frozen=True)
class Peer:
    """Another way to the same items: a library, a bare loop. `speedup` is against the data set's baseline level."""

    name: str
    status: Status
    samples: tuple[float, ...] = ()
    sample_count: int = 0
    median_seconds: float | None = None
    q25_seconds: float | None = None
    q75_seconds: float | None = None
    items: int | None = None
    throughput: float | None = None
    peak_bytes: int | None = None
    speedup: float | None = None
    speedup_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class DataSet:
    """One input, measured at several levels; levels are in ascending concurrency, words after numbers."""

    title: str
    key: str
    kind: Kind
    source: str
    items: int | None
    levels: tuple[Level, ...]
    peers: tuple[Peer, ...] = ()

    @property
    def measured(self) -> tuple[Level, ...]:
        """The levels that have a time."""
        return tuple(level for level in self.levels if level.median_seconds is not None)

    @property
    def baseline(self) -> Level | None:
        """The level that speedups refer to, when it has a time."""
        return next((x for x in self.measured if x.concurrency == BASELINE_CONCURRENCY), None)

    @property
    def speedup_missing_because(self) -> str | None:
        """Why no speedup can be given, in words, or None."""
        if self.baseline is not None:
            return None
        level = next((x for x in self.levels if x.concurrency == BASELINE_CONCURRENCY), None)
        if level is None:
            return "the baseline, concurrency 1, was not measured"
        return f"the baseline, concurrency 1, {'failed' if level.status == 'failed' else 'is n/a'}"


@dataclass(frozen=True)
class Report:
    """Everything a page shows. `created` is UTC in ISO 8601; `quick` means: not a measurement."""

    created: str
    quick: bool
    environment: Environment
    data_sets: tuple[DataSet, ...]
    schema_version: int = SCHEMA_VERSION


def measured_level(
    concurrency: Concurrency,
    samples: Iterable[float],
    *,
    items: int | None = None,
    peak_bytes: int | None = None,
    import_bytes: int | None = None,
    usage: Usage | None = None,
) -> Level:
    """A level from its timed runs, in seconds.

    Raises:
        ValueError: there are no samples, or one is not a positive number.
    """
    seconds = tuple(float(sample) for sample in samples)
    if not seconds or not all(math.isfinite(sample) and sample > 0 for sample in seconds):
        raise ValueError(f"a measured level needs positive finite samples, got {seconds!r}")
    q25, q75 = _quartiles(seconds)
    return summarised_level(
        concurrency,
        statistics.median(seconds),
        samples=seconds,
        sample_count=len(seconds),
        q25_seconds=q25,
        q75_seconds=q75,
        items=items,
        peak_bytes=peak_bytes,
        import_bytes=import_bytes,
        usage=usage,
    )


def summarised_level(
    concurrency: Concurrency,
    median_seconds: float,
    *,
    sample_count: int,
    samples: tuple[float, ...] = (),
    q25_seconds: float | None = None,
    q75_seconds: float | None = None,
    items: int | None = None,
    peak_bytes: int | None = None,
    import_bytes: int | None = None,
    usage: Usage | None = None,
) -> Level:
    """A level of which only the median is known, and the quartiles where there are any."""
    return Level(
        concurrency=concurrency,
        strategy=strategy_of(concurrency),
        status="ok",
        samples=samples,
        sample_count=sample_count,
        median_seconds=median_seconds,
        q25_seconds=q25_seconds,
        q75_seconds=q75_seconds,
        items=items,
        throughput=None if items is None else items / median_seconds,
        peak_bytes=peak_bytes,
        net_bytes=_net(peak_bytes, import_bytes),
        usage=usage,
    )


def missing_level(
    concurrency: Concurrency,
    status: Literal["n/a", "failed"],
    *,
    items: int | None = None,
    peak_bytes: int | None = None,
    import_bytes: int | None = None,
) -> Level:
    """A level without a time: it failed, or there was nothing to run."""
    return Level(
        concurrency=concurrency,
        strategy=strategy_of(concurrency),
        status=status,
        items=items,
        peak_bytes=peak_bytes,
        net_bytes=_net(peak_bytes, import_bytes),
    )


def as_peer(name: str, level: Level) -> Peer:
    """What was timed as one level, under the name of a peer."""
    return Peer(name, **{field.name: getattr(level, field.name) for field in fields(Peer) if field.name != "name"})


def mean_usage(runs: Sequence[Usage]) -> Usage | None:
    """The mean of several runs; what is not known of one is not known of all."""
    if not runs:
        return None
    stages = set.intersection(*(set(run.stages or ()) for run in runs))
    return Usage(
        runs=sum(run.runs for run in runs),
        wall_seconds=statistics.fmean(run.wall_seconds for run in runs),
        cpu_seconds=statistics.fmean(run.cpu_seconds for run in runs),
        queue_seconds=_mean([run.queue_seconds for run in runs]),
        stages={name: statistics.fmean((run.stages or {})[name] for run in runs) for name in sorted(stages)} or None,
        tasks=_mean([run.tasks for run in runs]),
        refusals=_mean([run.refusals for run in runs]),
    )


_Timed = TypeVar("_Timed", Level, Peer)


def make_data_set(
    title: str,
    key: str,
    kind: Kind,
    source: str,
    items: int | None,
    levels: Sequence[Level],
    peers: Sequence[Peer] = (),
) -> DataSet:
    """A data set with its levels in order and every speedup computed, the fastest peers first.

    Raises:
        ValueError: a level is there twice.
    """
    ordered = sorted(levels, key=lambda level: _order(level.concurrency))
    names = [level.concurrency for level in ordered]
    if len(set(names)) < len(names):
        raise ValueError(f"{key}: a concurrency level is there twice in {names}")
    data_set = DataSet(title, key, kind, source, items, tuple(ordered))
    base = data_set.baseline
    return replace(
        data_set,
        levels=tuple(_compared(base, level) for level in ordered),
        peers=tuple(_compared(base, peer) for peer in sorted(peers, key=_peer_order)),
    )


def is_quick(data_sets: Iterable[DataSet]) -> bool:
    """Whether a level was timed too few times to call the result a measurement."""
    return any(level.sample_count < MEASUREMENT_SAMPLES for data_set in data_sets for level in data_set.measured)


def title_of(kind: Kind, items: int) -> str:
    """The heading of a data set: "10K JSON Files", "500 API Items"."""
    count = f"{items // 1000:,}K" if items >= 1000 and items % 1000 == 0 else f"{items:,}"
    return f"{count} {'JSON Files' if kind == 'file' else 'API Items'}"


def sample_counts(levels: tuple[Level, ...]) -> str:
    """How often each level was timed: "5 samples a level", "1 to 3 samples a level"."""
    counts = sorted({level.sample_count for level in levels if level.status == "ok"})
    if not counts:
        return "no samples"
    if counts == [1]:
        return "1 sample a level"
    return f"{counts[0]} samples a level" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} samples a level"


def strategy_of(concurrency: Concurrency) -> Strategy:
    """The word for a level: one worker is sequential, a level that is not a number is found while running."""
    if isinstance(concurrency, str):
        return "auto"
    return "sequential" if concurrency == BASELINE_CONCURRENCY else "concurrent"


def _quartiles(seconds: tuple[float, ...]) -> tuple[float | None, float | None]:
    """The quartiles as asv and numpy define them; one run has no spread."""
    if len(seconds) < 2:
        return None, None
    q25, _, q75 = statistics.quantiles(seconds, n=4, method="inclusive")
    return q25, q75


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _net(peak_bytes: int | None, import_bytes: int | None) -> int | None:
    return None if peak_bytes is None or import_bytes is None else peak_bytes - import_bytes


def _compared(base: Level | None, timed: _Timed) -> _Timed:
    """The same with its speedup over the baseline; the baseline itself is no estimate and has no interval."""
    if base is None or base.median_seconds is None or timed.median_seconds is None:
        return replace(timed, speedup=None, speedup_interval=None)
    speedup = base.median_seconds / timed.median_seconds
    interval = None if timed is base else ratio_interval(base, timed)
    return replace(timed, speedup=speedup, speedup_interval=interval)


def _peer_order(peer: Peer) -> tuple[bool, float, str]:
    return (peer.median_seconds is None, peer.median_seconds or 0.0, peer.name)


def _order(concurrency: Concurrency) -> tuple[int, int, str]:
    return (1, 0, concurrency) if isinstance(concurrency, str) else (0, concurrency, "")
