"""Where the time of a level went: its measured CPU and stage times, and what they say beside its speed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, Literal

from msgspec import Meta

from tools.words import listed, share

Kind = Literal["file", "api"]
LEAST_SECONDS, MOST_SECONDS = 1e-9, 1e9  # more than a tick of the clock, less than a lifetime
Seconds = Annotated[float, Meta(ge=LEAST_SECONDS, le=MOST_SECONDS)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]

CROWDED_SHARE = 0.10  # a process that waited longer for a CPU shared the machine, and its times say little
_SMALLEST_SHARE = 0.01  # a stage that takes less is below the noise
_ONE_THREAD = ("decoding", "consumer")  # the stages that happen on one thread, however many workers there are


@dataclass(frozen=True)
class Usage:
    """Where the time of a level's runs went: the mean of one run, in seconds; None is what nobody knows.

    `cpu_seconds` are of all threads together, so they can exceed `wall_seconds`; in `queue_seconds` the process was
    ready to run while the machine ran others. `stages` are wall-clock times as the package names them: "waiting",
    "reading", "decoding", "consumer". `tasks` are the pages or documents that the workers had to share, `refusals`
    answers 429 or 503 of a server.
    """

    runs: int
    wall_seconds: Seconds
    cpu_seconds: Amount
    queue_seconds: Amount | None = None
    stages: Mapping[str, Amount] | None = None
    tasks: Amount | None = None
    refusals: Amount | None = None

    @property
    def busy(self) -> float:
        """Seconds of CPU for each second in which the machine let the process run: 0.1 is a process that waits, 1 one
        that keeps a core busy, more one that uses several."""
        # A queue as long as the whole run would be a fault of the clock.
        return self.cpu_seconds / max(self.wall_seconds - (self.queue_seconds or 0.0), self.wall_seconds * 0.01)

    @property
    def cores(self) -> float:
        return self.cpu_seconds / self.wall_seconds

    @property
    def crowded(self) -> bool:
        return (self.queue_seconds or 0.0) > CROWDED_SHARE * self.wall_seconds

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """Of the wall-clock time, by stage, without overlap."""
        apart = _apart(self.stages or {}, self.wall_seconds)
        return {name: seconds / self.wall_seconds for name, seconds in apart.items()}

    @property
    def serial(self) -> float:
        """The share that no worker can take off another: what keeps the CPU busy, and what one thread does."""
        on_one_thread = sum(self.shares.get(stage, 0.0) for stage in _ONE_THREAD)
        return min(1.0, max(self.busy, on_one_thread))


def mean_usage(runs: Sequence[Usage]) -> Usage:
    """The mean of several runs; what is not known of one is not known of all."""

    def mean(values: list[Any]) -> Any:
        return None if None in values else statistics.fmean(values)

    names = [field.name for field in fields(Usage) if field.name not in ("runs", "stages")]
    shared = set.intersection(*(set(run.stages or ()) for run in runs))
    stages = {name: mean([(run.stages or {})[name] for run in runs]) for name in sorted(shared)}
    means = {name: mean([getattr(run, name) for run in runs]) for name in names}
    return Usage(runs=sum(run.runs for run in runs), stages=stages or None, **means)


def _apart(stages: Mapping[str, float], wall: float) -> dict[str, float]:
    """The stages without overlap, so that they are at most the whole time.

    - Reading files includes the wait for the disk.
    - The wait for a server includes the pauses that it asked for. A pause in which there was still something to hand
      over held nobody up.
    - While one answer is waited for, others are decoded: the wait is what the other stages leave of the time.
    """
    apart = dict(stages)
    if "waiting" not in apart:
        return apart
    waiting = apart.pop("waiting")
    paused = min(apart.pop("paused", 0.0), waiting)
    if "reading" in apart:
        apart["reading"] = max(0.0, apart["reading"] - waiting)
    waiting = max(paused, min(waiting, wall - sum(apart.values())))
    return {**apart, "waiting": waiting - paused, "paused": paused}


def shares_in_words(found: Usage, waiting: str) -> str:
    """ "94 % waiting for the server, 4 % decoding and 2 % other; the CPU was busy 8 % of the time"."""
    names = {
        "waiting": waiting,
        "consumer": "in the code that takes the items",
        "paused": "pausing because the server asked for it",
    }
    shown = {name: part for name, part in found.shares.items() if part >= _SMALLEST_SHARE}
    ordered = sorted(shown.items(), key=lambda pair: -pair[1])
    parts = [f"{share(part)} {names.get(name, name.replace('_', ' '))}" for name, part in ordered]
    rest = 1 - sum(shown.values())
    if parts and rest >= _SMALLEST_SHARE:
        parts.append(f"{share(rest)} other")
    return "; ".join(filter(None, [listed(parts), f"the CPU was busy {busy_in_words(found)} of the time"]))


def busy_in_words(found: Usage) -> str:
    return share(min(1.0, found.busy))
