"""What the measured CPU and stage times of a level say, beside its speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.words import listed, share

if TYPE_CHECKING:
    from .model import Kind, Usage

# A process that waited longer than this for a CPU shared the machine with others, and its times say little.
CROWDED_SHARE = 0.10
# A stage that takes less than this is below the noise.
_SMALLEST_SHARE = 0.01
# The stages that happen on one thread whatever the number of workers is.
_ONE_THREAD = ("decoding", "consumer")


@dataclass(frozen=True)
class Evidence:
    """Where the time of a level went.

    Attributes:
        busy: Seconds of CPU for each second in which the machine let the process run: 0.1 is a process that waits,
            1 one that keeps a core busy, more one that uses several.
        cores: Seconds of CPU for each second of wall-clock time.
        queue: The share of the time that the process was ready and the machine ran others; None: not known.
        shares: Of the wall-clock time, by stage, without overlap.
        tasks: Pages or documents that the workers had to share; None: not known.
        refusals: Answers 429 or 503 of one run; 0 where nobody counted.
    """

    busy: float
    cores: float
    queue: float | None
    shares: Mapping[str, float]
    tasks: float | None
    refusals: float

    @property
    def serial(self) -> float:
        """The share that no worker can take off another: what keeps the CPU busy, and what one thread does."""
        on_one_thread = sum(self.shares.get(stage, 0.0) for stage in _ONE_THREAD)
        return min(1.0, max(self.busy, on_one_thread))

    @property
    def crowded(self) -> bool:
        return self.queue is not None and self.queue > CROWDED_SHARE


def evidence_of(usage: Usage | None) -> Evidence | None:
    """What the usage of a level says; None where only its speed was measured."""
    if usage is None or usage.wall_seconds <= 0:
        return None
    wall, queue = usage.wall_seconds, usage.queue_seconds
    # A queue as long as the whole run would be a fault of the clock.
    granted = wall if queue is None else max(wall - queue, wall * 0.01)
    return Evidence(
        busy=usage.cpu_seconds / granted,
        cores=usage.cpu_seconds / wall,
        queue=None if queue is None else min(1.0, queue / wall),
        shares={name: seconds / wall for name, seconds in _apart(usage.stages or {}, wall).items()},
        tasks=usage.tasks,
        refusals=usage.refusals or 0.0,
    )


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


def shares_in_words(found: Evidence, kind: Kind) -> str:
    """ "94 % waiting for the server, 4 % decoding and 2 % other; the CPU was busy 8 % of the time"."""
    shown = {name: part for name, part in found.shares.items() if part >= _SMALLEST_SHARE}
    parts = [f"{share(part)} {_stage(name, kind)}" for name, part in sorted(shown.items(), key=lambda pair: -pair[1])]
    rest = 1 - sum(shown.values())
    if parts and rest >= _SMALLEST_SHARE:
        parts.append(f"{share(rest)} other")
    return "; ".join(filter(None, [listed(parts), f"the CPU was busy {busy_in_words(found)} of the time"]))


def busy_in_words(found: Evidence) -> str:
    return share(min(1.0, found.busy))


def _stage(stage: str, kind: Kind) -> str:
    named = {"waiting": waiting_in_words(kind), "consumer": "in the code that takes the items",
             "paused": "pausing because the server asked for it"}  # fmt: skip
    return named.get(stage, stage.replace("_", " "))


def waiting_in_words(kind: Kind) -> str:
    return "waiting for the server" if kind == "api" else "waiting for the disk"
