"""How much at once: a level that the user asked for, or one found while running.

Pure: what happened and when goes in, a level and a delay come out. No clock, no I/O, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from stac_manager.rate import AUTO_FLOOR, DECREASE, Capacity, LoneRefusals, RateWindow

Outcome: TypeAlias = Literal["page", "other", "refused", "failed"]
"""A full page of a search; any other answer; a 429 or 503; no answer in time."""

# Also what a search is cut for before the level is known: whoever starts late on a partition ends late.
AUTO_START = 20
AUTO_CEILING = 64

# So many full pages raise the level by one at first: by a third in a round.
PAGES_A_STEP = 3
# A round must raise the throughput by this factor, or the server is full (BBR's startup asks for 1.25).
STARTUP_GAIN = 1.2
STARTUP_ROUNDS_WITHOUT_GAIN = 2
# A level is as good as another one that has this share of its throughput: the lower one is taken.
AS_GOOD = 0.95
LATENCY_SMOOTHING = 0.2
# A trial goes this far up or down, and needs so many answers a worker, more after each trial in vain.
TRIAL_STEP = 1.3
ANSWERS_A_WORKER = 3
MOST_PATIENCE = 16
BETTER = 1.05
# Answers that say nothing of a level: fewer requests were in flight than this share of it.
LEVEL_USED = 0.75


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

    def delay(self, now: float) -> float:
        """Seconds to wait before another request may be sent."""
        ...

    def sent(self, now: float) -> None:
        """Take note of a request that is sent."""
        ...

    def observe(
        self, outcome: Outcome, *, latency: float, in_flight: int, now: float, retry_after: float | None = None
    ) -> None:
        """Take note of how a request ended.

        Args:
            outcome: What it ended with.
            latency: Seconds from sending it to its end.
            in_flight: How many requests were in flight until now, this one included.
            now: Seconds on any clock that only goes forward.
            retry_after: How long a refusal asks to wait, in seconds.
        """
        ...


class FixedLimiter:
    """The level that the user asked for, or as many as the server takes at once."""

    def __init__(self, level: int) -> None:
        self.ceiling = self.planned = level
        self._capacity, self._lone = Capacity(), LoneRefusals()

    @property
    def level(self) -> int:
        return min(self.ceiling, self._capacity.level or self.ceiling)

    @property
    def calm(self) -> bool:
        return self._lone.calm

    def delay(self, now: float) -> float:
        """Nothing to wait for."""
        return 0.0

    def sent(self, now: float) -> None:
        """Nothing to learn."""

    def observe(
        self, outcome: Outcome, *, latency: float, in_flight: int, now: float, retry_after: float | None = None
    ) -> None:
        """Learn how many the server takes at once; to any other wave of refusals the pause of all is the answer."""
        if outcome == "refused":
            self._lone.refused(now - latency, now)
            if self._lone.many or self._capacity.level:
                self._capacity.refused(now - latency, now, in_flight)
        elif outcome != "failed":
            self._lone.passed(now - latency)
            self._capacity.passed(now - latency, now)


class AutoLimiter:
    """Finds the level by its throughput, and the rate from refusals.

    The start is that of TCP's slow start and of BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM
    Queue 14, 2016): every third full page adds one, until that no longer brings `STARTUP_GAIN` times the pages a round.
    From then on it climbs as .NET's thread pool does (Hellerstein et al., "Optimizing Concurrency Levels in the .NET
    ThreadPool", 2008): now and then another level is tried for a while, and kept where the throughput is higher, or
    the same with fewer requests. Latency is never compared with the least one seen: a server with a long tail, or with
    a cache in front of some answers, would look full from the beginning.

    Refusals come from a limit on the number of requests at once, see `Capacity`, or on the rate, see `RateWindow`, or
    are of single requests and say nothing of the level, see `LoneRefusals`. With a rate the level is no more than that
    needs by Little's law (Operations Research 9, 1961), and a refusal takes off 30 % at most once for all requests that
    were on their way (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms", 1989).
    """

    def __init__(self, start: int = AUTO_START, ceiling: int = AUTO_CEILING) -> None:
        self.ceiling = ceiling
        self.planned = min(AUTO_START, ceiling)
        self._rate, self._capacity, self._lone = RateWindow(), Capacity(), LoneRefusals()
        self._climb = Climb(min(start, ceiling), ceiling)
        self._deaf_until = 0.0

    @property
    def level(self) -> int:
        if self._rate.blocked:
            return 1  # to see when the server takes requests again
        needed = self._rate.level_for(self._climb.latency)
        return min(self._climb.level if needed is None else needed, self._capacity.level or self.ceiling, self.ceiling)

    @property
    def calm(self) -> bool:
        return self._lone.calm

    def delay(self, now: float) -> float:
        return self._rate.delay(now)

    def sent(self, now: float) -> None:
        self._rate.sent(now)

    def observe(
        self, outcome: Outcome, *, latency: float, in_flight: int, now: float, retry_after: float | None = None
    ) -> None:
        began = now - latency
        if outcome in ("page", "other"):
            many = self._lone.many
            if self._lone.passed(began):
                self._rate.forgive(now)
            self._rate.passed(began, now, many=many)
            self._capacity.passed(began, now)
        if outcome == "page":
            self._climb.page(latency, in_flight, now, growing=self._rate.limit is None)
        elif outcome == "refused":
            self._refused(began, in_flight, now, retry_after)
        elif outcome == "failed" and began >= self._deaf_until:
            self._deaf_until = now
            self._climb.back_off(now)

    def _refused(self, began: float, in_flight: int, now: float, retry_after: float | None) -> None:
        self._lone.refused(began, now)
        limited = self._lone.many or self._capacity.level or self._rate.limit
        if limited and not retry_after and self._capacity.refused(began, now, in_flight):  # else it is a matter of time
            self._rate = RateWindow()
        else:
            self._rate.refused(now, retry_after)


@dataclass
class _Trial:
    """Pages counted at one level, from a moment on."""

    level: int
    since: float
    pages: int = 0

    def rate(self, now: float) -> float:
        """Pages a second."""
        return self.pages / max(now - self.since, 1e-9)


class Climb:
    """The level with the highest throughput, and the fewest requests among equals."""

    def __init__(self, start: int, ceiling: int) -> None:
        self.level = start
        self.latency = 0.0
        self._ceiling, self._floor = ceiling, min(AUTO_FLOOR, start)
        self._starting = True
        self._best = (0.0, start)  # pages a second, and at which level
        self._in_vain = 0
        self._up = True
        self._trial = _Trial(start, -1.0)

    def page(self, latency: float, in_flight: int, now: float, *, growing: bool) -> None:
        """Take note of a full page; without `growing`, something else than the level limits the search."""
        self.latency += (latency - self.latency) * (LATENCY_SMOOTHING if self.latency else 1.0)
        trial = self._trial
        if trial.since < 0:
            trial.since = now - latency
        if not growing or in_flight < LEVEL_USED * trial.level:
            return
        if self._starting:
            if self._in_vain == 0 and trial.pages >= self._best[0] * (now - trial.since):
                self.level = min(self.level + (trial.pages % PAGES_A_STEP == 0), self._ceiling)
            trial.pages += 1
            if trial.pages >= trial.level:
                self._end_round(now)
        elif now - latency >= trial.since:  # else it was sent at another level
            trial.pages += 1
            if trial.pages >= ANSWERS_A_WORKER * trial.level * (1 + self._in_vain):
                self._end_trial(now)

    def _end_round(self, now: float) -> None:
        """The level was raised in this round: does that bring more?"""
        rate = self._trial.rate(now)
        self._in_vain = 0 if rate > STARTUP_GAIN * self._best[0] else self._in_vain + 1
        if rate > self._best[0] / AS_GOOD:
            self._best = (rate, self._trial.level)
        if self._in_vain >= STARTUP_ROUNDS_WITHOUT_GAIN or self._trial.level == self._ceiling:
            self._starting, self._in_vain, self._up = False, 0, True
        if self._in_vain or not self._starting:
            self.level = self._best[1]
        self._trial = _Trial(self.level, now)

    def _end_trial(self, now: float) -> None:
        """Keep the level that was tried, or go back; then measure there, or try the other way."""
        trial, (best, steady) = self._trial, self._best
        rate = trial.rate(now)
        if trial.level == steady:
            self._best = (rate, steady)
            self._try_another(now)
        elif rate >= (BETTER if trial.level > steady else AS_GOOD) * best:
            self._best, self._in_vain = (rate, trial.level), 0
            self._try_another(now)
        else:
            self._in_vain = min(self._in_vain + 1, MOST_PATIENCE)
            self._up = not self._up
            self._begin(steady, now)

    def _try_another(self, now: float) -> None:
        steady = self._best[1]
        higher = min(max(round(steady * TRIAL_STEP), steady + 1), self._ceiling)
        lower = max(round(steady / TRIAL_STEP), self._floor)
        level = higher if self._up else lower
        self._up = self._up if level != steady else not self._up
        self._begin(level, now)

    def _begin(self, level: int, now: float) -> None:
        self.level = level
        self._trial = _Trial(level, now)

    def back_off(self, now: float) -> None:
        """Take off some after a time-out, and start again from there."""
        self._begin(max(int(self.level * DECREASE), self._floor), now)
        self._starting, self._best, self._in_vain = True, (0.0, self.level), 0


def limiter(concurrency: int | Literal["auto"]) -> Limiter:
    """Make the limiter for an option `concurrency`."""
    return AutoLimiter() if concurrency == "auto" else FixedLimiter(concurrency)
