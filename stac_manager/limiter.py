"""How much at once: a level that the user asked for, or one found while running.

Pure: what happened and when goes in, a level and a delay come out. No clock, no I/O, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from stac_manager.capacity import Capacity
from stac_manager.climb import Climb
from stac_manager.quota import Quota
from stac_manager.rate import LoneRefusals, RateWindow

Outcome: TypeAlias = Literal["page", "other", "refused", "failed"]
"""A full page of a search; any other answer; a refusal, as a 429 is; no answer in time."""

# Also what a search is cut for before the level is known: whoever starts late on a partition ends late.
AUTO_START = 20
AUTO_CEILING = 64
# So many requests try whether a server that refused takes others once it has answered some.
PROBES = 3


class Limiter(Protocol):
    """Says how many requests may be in flight and when the next may be sent, and is told how each one ended."""

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

    @property
    def calm(self) -> bool:
        """Whether no refusal holds the other requests back."""
        ...

    @property
    def crowded(self) -> bool:
        """Whether refusals may be for the number of those in flight: once one of them is answered, another may go."""
        ...

    @property
    def quota(self) -> Quota:
        """What the server says is left of its limit."""
        ...

    def delay(self, now: float) -> float:
        """Seconds to wait before another request may be sent."""
        ...

    def sent(self, now: float) -> None:
        """Take note of a request that is sent."""
        ...

    def observe(
        self,
        outcome: Outcome,
        *,
        latency: float,
        in_flight: int,
        now: float,
        beside: float = 0.0,
        retry_after: float | None = None,
    ) -> None:
        """Take note of how a request ended.

        Args:
            outcome: What it ended with.
            latency: Seconds from sending it to its end.
            in_flight: How many requests were in flight until now, this one included.
            now: Seconds on any clock that only goes forward.
            beside: How many were in flight in the mean while this one was.
            retry_after: How long a refusal asks to wait, in seconds.
        """
        ...


class FixedLimiter:
    """The level that the user asked for, or as many as the server takes at once."""

    crowded = False

    def __init__(self, level: int) -> None:
        self.ceiling = self.planned = level
        self._capacity, self._lone, self.quota = Capacity(any_wave=True), LoneRefusals(), Quota()

    @property
    def level(self) -> int:
        return min(self.ceiling, self._capacity.most or self.ceiling)

    @property
    def calm(self) -> bool:
        return self._lone.calm

    def delay(self, now: float) -> float:
        return self.quota.delay(now)

    def sent(self, now: float) -> None:
        self.quota.sent(now)

    def observe(
        self,
        outcome: Outcome,
        *,
        latency: float,
        in_flight: int,
        now: float,
        beside: float = 0.0,
        retry_after: float | None = None,
    ) -> None:
        """Learn how many the server takes at once; to any other wave of refusals the pause of all is the answer."""
        if outcome == "refused":
            self._lone.refused(now - latency, now)
            self._capacity.refused(now - latency, now, in_flight)
        elif outcome != "failed":
            self._lone.passed(now - latency)
            self._capacity.passed(now - latency, now, many=self._lone.many)
        if in_flight == 1:
            self._capacity.all_ended()


@dataclass
class _Crowd:
    """How many were in flight beside a wave of refusals, and may be all that the server takes; how many may try."""

    beside: int = 0
    probes: int = PROBES


class AutoLimiter:
    """Finds the level by its throughput, and the rate from refusals.

    The start is that of TCP's slow start and of BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM
    Queue 14, 2016): every other full page adds one, until that no longer brings `STARTUP_GAIN` times the pages a round.
    From then on it climbs as .NET's thread pool does (Hellerstein et al., "Optimizing Concurrency Levels in the .NET
    ThreadPool", 2008): now and then another level is tried for a while, and kept where the throughput is higher, or
    the same with fewer requests. Latency is never compared with the least one seen: a server with a long tail, or with
    a cache in front of some answers, would look full from the beginning.

    Refusals come from a limit on the number of requests at once, see `Capacity`, or on the rate, see `RateWindow`, or
    are of single requests and say nothing of the level, see `LoneRefusals`. After a wave that does not say how long to
    wait, each answer to one that was in flight beside it lets another go, a few of them (conservation of packets:
    Jacobson, "Congestion Avoidance and Control", 1988): a limit on the number takes these. Where a wave has taught no
    limit, the climb starts again from half of what was answered together, as TCP does after a loss (RFC 5681). With a
    rate the level is no more than that needs by Little's law (Operations Research 9, 1961), and a refusal takes off
    30 % at most once for all requests that were on their way (Chiu and Jain, "Analysis of the Increase and Decrease
    Algorithms", 1989).
    """

    def __init__(self, start: int = AUTO_START, ceiling: int = AUTO_CEILING) -> None:
        self.ceiling = ceiling
        self.planned = min(AUTO_START, ceiling)
        self._rate, self._capacity, self._lone, self.quota = RateWindow(), Capacity(), LoneRefusals(), Quota()
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
    def calm(self) -> bool:
        return self._lone.calm

    @property
    def crowded(self) -> bool:
        return self._rate.blocked and self._crowd.beside > 0

    def delay(self, now: float) -> float:
        return max(self._rate.delay(now), self.quota.delay(now))

    def sent(self, now: float) -> None:
        self._rate.sent(now)
        self._crowd.probes -= self._crowd.probes > 0
        self.quota.sent(now)

    def observe(
        self,
        outcome: Outcome,
        *,
        latency: float,
        in_flight: int,
        now: float,
        beside: float = 0.0,
        retry_after: float | None = None,
    ) -> None:
        began = now - latency
        if outcome in ("page", "other"):
            self._answered(began, now, page=outcome == "page")
        if outcome == "page":
            at_once = max(in_flight, round(beside))
            self._climb.page(latency, at_once, now, growing=self._rate.limit is None and not self.quota.binds)
        elif outcome == "refused":
            self._refused(began, in_flight, now, retry_after)
        elif outcome == "failed" and began >= self._deaf_until:
            self._deaf_until = now
            self._climb.back_off(now)

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
            fits = not (retry_after or again) and self._capacity.fits(in_flight - 1)
            self._crowd = _Crowd(in_flight - 1 if fits else 0)
            self._held_since = self._held_since or now
            self._rate.refused(now, retry_after)


def limiter(concurrency: int | Literal["auto"]) -> Limiter:
    """Make the limiter for an option `concurrency`."""
    return AutoLimiter() if concurrency == "auto" else FixedLimiter(concurrency)
