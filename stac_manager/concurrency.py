"""How many requests are in flight: a fixed ceiling, or a level found while running."""

from __future__ import annotations

from time import perf_counter
from typing import Literal, Protocol

AUTO_START = 6
AUTO_CEILING = 64
# What a search is cut for before the level is known.
AUTO_PLANNED = 20
# A level is too high once answers take this many times as long as the quickest ones did.
AUTO_LATENCY_TOLERANCE = 1.8
AUTO_LATENCY_SMOOTHING = 0.2
AUTO_DECREASE = 0.7
AUTO_DECREASE_LATENCY = 0.9
# How many levels' worth of answers the next step up needs after a refusal: more after one that says how long to wait,
# which is a limit on the rate, and twice as many after each further one.
AUTO_PATIENCE_WITH_RATE = 32
AUTO_MOST_PATIENCE = 256
# `Retry-After` is a whole number of seconds, rounded up: this much too long on average.
RETRY_AFTER_EXCESS_SECONDS = 0.5


class Limiter(Protocol):
    """Says how many requests may be in flight, and is told how each one ended."""

    @property
    def level(self) -> int:
        """The number of requests that may be in flight now."""
        ...

    @property
    def ceiling(self) -> int:
        """The number that is never exceeded."""
        ...

    @property
    def planned(self) -> int:
        """The number to divide the work by."""
        ...

    def succeeded(self, latency_seconds: float, in_flight: int) -> None:
        """Take note of an answer, and of how many requests were in flight when it came."""
        ...

    def refused(self, wait_seconds: float | None = None) -> None:
        """Take note of a 429, a 503 or a time-out, and of how long the server asks to wait."""
        ...


class FixedLimiter:
    """The level that the user asked for."""

    def __init__(self, level: int) -> None:
        self.level = self.ceiling = self.planned = level

    def succeeded(self, latency_seconds: float, in_flight: int) -> None:
        """Nothing to learn: the level stays."""

    def refused(self, wait_seconds: float | None = None) -> None:
        """Nothing to learn: the pause of all workers is the answer to a refusal."""


class AutoLimiter:
    """Finds the level: slow start, then additive increase and multiplicative decrease.

    As TCP's congestion control does (Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988; Chiu and Jain, 1989),
    with the latency gradient of TCP Vegas and of Netflix' concurrency-limits as a second sign of a full server: from
    `AUTO_START` on, every answer adds one (so the level doubles in the time of one answer) until a refusal or a
    latency above `AUTO_LATENCY_TOLERANCE` times the least one seen. From then on a level's worth of answers adds one,
    and a refusal takes off 30 %, once for all the requests that were already on their way. Each refusal also doubles
    the answers that the next step up needs, so that a limit on the rate is not run into again and again. A server that
    ends the slow start with a word on how long to wait gives its rate away: the level becomes that rate times the
    least latency (Little's law, Operations Research 9, 1961).
    """

    def __init__(self, start: int = AUTO_START, ceiling: int = AUTO_CEILING) -> None:
        self.ceiling = ceiling
        self.planned = min(AUTO_PLANNED, ceiling)
        self._level = float(start)
        self._slow_start = True
        self._least_latency: float | None = None
        self._latency = 0.0
        self._deaf_for = 0
        self._patience = 1
        self._started, self._answers = perf_counter(), 0

    @property
    def level(self) -> int:
        return int(self._level)

    def succeeded(self, latency_seconds: float, in_flight: int) -> None:
        if self._least_latency is None:
            self._latency = latency_seconds
        self._least_latency = min(self._least_latency or latency_seconds, latency_seconds)
        self._latency += AUTO_LATENCY_SMOOTHING * (latency_seconds - self._latency)
        self._answers += 1
        if self._deaf_for:
            self._deaf_for -= 1
            return
        if self._latency > AUTO_LATENCY_TOLERANCE * self._least_latency:
            self._back_off(AUTO_DECREASE_LATENCY)
        elif 2 * in_flight >= self._level:  # a level that is not used proves nothing
            self._level = min(self._level + self._step, self.ceiling)

    @property
    def _step(self) -> float:
        return 1.0 if self._slow_start else 1 / (self._level * self._patience)

    def refused(self, wait_seconds: float | None = None) -> None:
        if self._deaf_for:
            return
        first = self._slow_start
        self._back_off(AUTO_DECREASE)
        self._patience = min(2 * self._patience, AUTO_MOST_PATIENCE)
        if wait_seconds:
            self._patience = max(self._patience, AUTO_PATIENCE_WITH_RATE)
            if first and self._least_latency:
                wait_seconds = max(wait_seconds - RETRY_AFTER_EXCESS_SECONDS, RETRY_AFTER_EXCESS_SECONDS)
                rate = self._answers / (perf_counter() - self._started + wait_seconds)
                self._level = max(min(self._level, round(rate * self._least_latency)), 1.0)

    def _back_off(self, factor: float) -> None:
        self._slow_start = False
        self._deaf_for = self.level
        self._level = max(self._level * factor, 1.0)


def limiter(concurrency: int | Literal["auto"]) -> Limiter:
    """Make the limiter for an option `concurrency`."""
    return AutoLimiter() if concurrency == "auto" else FixedLimiter(concurrency)
