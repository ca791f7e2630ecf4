"""How much at once: a level that the user asked for, or one found while running.

Pure: what happened and when goes in, a level and a delay come out. No clock, no I/O, no randomness.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from stac_manager.limiter.capacity import Capacity
from stac_manager.limiter.climb import Climb
from stac_manager.limiter.quota import Quota
from stac_manager.limiter.rate import LoneRefusals, RateWindow

Outcome: TypeAlias = Literal["page", "other", "refused", "failed"]
"""A full page of a search; any other answer; a refusal, as a 429 is; no answer in time."""

# Also what a search is cut for before the level is known: whoever starts late on a partition ends late.
AUTO_START = 20
AUTO_CEILING = 64
# So many requests try whether a server that refused takes others once it has answered some.
PROBES = 3


class Ended(NamedTuple):
    """How a request ended.

    Attributes:
        outcome: What it ended with.
        latency: Seconds from sending it to its end.
        in_flight: How many requests were in flight until now, this one included.
        now: Seconds on any clock that only goes forward.
        beside: How many were in flight in the mean while this one was.
        retry_after: How long a refusal asks to wait, in seconds.
    """

    outcome: Outcome
    latency: float
    in_flight: int
    now: float
    beside: float = 0.0
    retry_after: float | None = None


class Limiter(ABC):
    """Says how many requests may be in flight and when the next may be sent, and is told how each one ended.

    Attributes:
        ceiling: The number that is never exceeded.
        planned: The number to divide the work by.
        quota: What the server says is left of its limit.
    """

    def __init__(self, ceiling: int, planned: int, capacity: Capacity) -> None:
        self.ceiling, self.planned = ceiling, planned
        self._capacity, self._lone, self.quota = capacity, LoneRefusals(), Quota()

    @property
    @abstractmethod
    def level(self) -> int:
        """The number of requests that may be in flight now."""

    @property
    def calm(self) -> bool:
        """Whether no refusal holds the other requests back."""
        return self._lone.calm

    @property
    def crowded(self) -> bool:
        """Whether refusals may be for the number of those in flight: once one of them is answered, another may go."""
        return False

    def delay(self, now: float) -> float:
        """Seconds to wait before another request may be sent."""
        return self.quota.delay(now)

    def sent(self, now: float) -> None:
        """Take note of a request that is sent."""
        self.quota.sent(now)

    @abstractmethod
    def observe(self, ended: Ended) -> None:
        """Take note of how a request ended."""


class FixedLimiter(Limiter):
    """The level that the user asked for, or as many as the server takes at once."""

    def __init__(self, level: int) -> None:
        super().__init__(level, level, Capacity(any_wave=True))

    @property
    def level(self) -> int:
        return min(self.ceiling, self._capacity.most or self.ceiling)

    def observe(self, ended: Ended) -> None:
        """Learn how many the server takes at once; to any other wave of refusals the pause of all is the answer."""
        began, now = ended.now - ended.latency, ended.now
        if ended.outcome == "refused":
            self._lone.refused(began, now)
            self._capacity.refused(began, now, ended.in_flight)
        elif ended.outcome != "failed":
            self._lone.passed(began)
            self._capacity.passed(began, now, many=self._lone.many)
        if ended.in_flight == 1:
            self._capacity.all_ended()


@dataclass
class _Crowd:
    """How many were in flight beside a wave of refusals, and may be all that the server takes; how many may try."""

    beside: int = 0
    probes: int = PROBES


class AutoLimiter(Limiter):
    """Finds the level by its throughput, and the rate from refusals.

    The start is that of TCP's slow start and of BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM
    Queue 14, 2016): every other full page adds one, until that no longer brings `STARTUP_GAIN` times the pages a round.
    From then on it climbs as .NET's thread pool does (Hellerstein et al., "Optimizing Concurrency Levels in the .NET
    ThreadPool", 2008): now and then another level is tried for a while, and kept where the throughput is higher, or
    the same with fewer requests. Latency is never compared with the least one seen: a server with a long tail, or with
    a cache in front of some answers, would look full from the beginning.

    Refusals come from a limit on the number of requests at once, see `Capacity`, or on the rate, see `RateWindow`, or
    are of single requests and say nothing of the level, see `LoneRefusals`. Each answer to one that was in flight
    beside a wave lets another go, a few of them, or one where the wave says how long to wait, as that is meant for what
    was refused (RFC 9110, 10.2.3; conservation of packets: Jacobson, "Congestion Avoidance and Control", 1988): a limit
    on the number takes these, and one on the rate refuses one more. Where a wave has taught no limit, the climb starts
    again from half of what was answered together, as TCP does after a loss (RFC 5681). With a rate the level is no more
    than that needs by Little's law (Operations Research 9, 1961), and a refusal takes off 30 % at most once for all
    requests that were on their way (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms", 1989).
    """

    def __init__(self, start: int = AUTO_START, ceiling: int = AUTO_CEILING) -> None:
        super().__init__(ceiling, min(AUTO_START, ceiling), Capacity())
        self._rate = RateWindow()
        self._climb = Climb(min(start, ceiling), ceiling)
        self._deaf_until = self._held_since = 0.0
        self._crowd = _Crowd()

    @property
    def level(self) -> int:
        if self._rate.blocked:
            return max(self._crowd.beside if self._crowd.probes else 0, 1)  # to see when it takes requests again
        needed = self._rate.level_for(self._climb.latency)
        return min(self._climb.level if needed is None else needed, self._capacity.most or self.ceiling, self.ceiling)

    @property
    def crowded(self) -> bool:
        return self._rate.blocked and self._crowd.beside > 0

    def delay(self, now: float) -> float:
        return max(self._rate.delay(now), super().delay(now))

    def sent(self, now: float) -> None:
        super().sent(now)
        self._rate.sent(now)
        self._crowd.probes -= self._crowd.probes > 0

    def observe(self, ended: Ended) -> None:
        outcome, now = ended.outcome, ended.now
        began = now - ended.latency
        if outcome in ("page", "other"):
            self._answered(began, now, page=outcome == "page")
        at_once = max(ended.in_flight, round(ended.beside))
        if outcome == "page":
            growing = self._rate.limit is None and not self.quota.binds
            self._climb.page(ended.latency, at_once, now, growing=growing)
        elif outcome == "refused":
            self._refused(began, ended.in_flight, now, ended.retry_after)
        elif outcome == "failed" and began >= self._deaf_until:
            self._deaf_until = now
            self._climb.back_off(self._capacity.together_since(began), at_once, ended.latency, now)

    def _answered(self, began: float, now: float, *, page: bool) -> None:
        if self._held_since and began > self._held_since:
            self._climb.held(self._held_since, began)
            self._held_since = 0.0
        if self._lone.passed(began):
            self._rate.forgive(now)
        many = self._lone.many
        together = self._capacity.passed(began, now, many=many, alike=page)
        self._rate.passed(began, now, many=many, doubtful=self._capacity.guess is not None)
        if together is not None and many and self._rate.limit is None:
            self._climb.restart(self._capacity.guess or together // 2, now)

    def _refused(self, began: float, in_flight: int, now: float, retry_after: float | None) -> None:
        self._lone.refused(began, now)
        if self._capacity.refused(began, now, in_flight):
            self._lone.explained()
            self._rate = RateWindow()
        else:
            again = 0.0 < self._held_since < began
            fits = self._capacity.fits(in_flight - 1)
            few = not again and (fits or not self._lone.many)
            self._crowd = _Crowd(in_flight - 1 if few else 0, PROBES if fits and not retry_after else 1)
            self._held_since = self._held_since or now
            self._rate.refused(now, retry_after)


def limiter(concurrency: int | Literal["auto"]) -> Limiter:
    """Make the limiter for an option `concurrency`."""
    return AutoLimiter() if concurrency == "auto" else FixedLimiter(concurrency)
