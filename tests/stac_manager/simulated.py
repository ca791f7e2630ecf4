"""A search and a server on a clock of their own: what a limiter is tried on, in hundreds of worlds in a second."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from typing import Any

from stac_manager.limiter import Ended, Limiter

CALM_RETRY_SECONDS = 0.5


@dataclass
class Server:
    """What a server is like. Times are in seconds.

    Attributes:
        latency: Draws the time that a page takes by itself.
        at_once: How many are worked on at a time; the others queue.
        slows: By how much each request in work prolongs the others beyond `at_once_well`.
        rate, window: More than so many in so long are refused.
        says: Whether a refusal says how long to wait.
        bucket: Tokens of a bucket that is filled at `rate / window`, instead of a window.
        outages: Stretches of time in which everything fails.
        refuses: The share of requests that are refused at any rate.
        refuses_beyond: More than so many at once are refused.
        refuses_documents: Whether that holds for the landing page and the like.
    """

    latency: Callable[[random.Random], float] = lambda _: 0.1
    at_once: int | None = None
    degrades_beyond: int | None = None
    rate: int | None = None
    window: float = 1.0
    says: bool = True
    bucket: int | None = None
    refusal_latency: float = 0.1
    outages: tuple[tuple[float, float], ...] = ()
    refuses: float = 0.0
    refuses_beyond: int | None = None
    refuses_documents: bool = True


@dataclass
class Run:
    """One search of so many pages."""

    server: Server
    limiter: Limiter
    pages: int
    seed: int = 0
    probes: int = 5
    parts: int = 10_000
    now: float = 0.0
    refusals: int = 0
    failures: int = 0
    peak: int = 0
    levels: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.passed: deque[float] = deque()
        self.tokens, self.tokens_at = float(self.server.bucket or 0), 0.0
        self.free_at: list[float] = []
        self.working = 0  # requests that were not refused

    def _admitted(self, now: float, instant: bool) -> float | None:
        """None if the server takes a request, else how long it says to wait."""
        server = self.server
        if server.refuses and self.random.random() < server.refuses:
            return 0.1
        counts = server.refuses_documents or not instant
        if counts and server.refuses_beyond is not None and self.working >= server.refuses_beyond:
            return 0.1
        if server.rate is None:
            return None
        if server.bucket is not None:
            self.tokens = min(self.tokens + (now - self.tokens_at) * server.rate / server.window, server.bucket)
            self.tokens_at = now
            if self.tokens >= 1:
                self.tokens -= 1
                return None
            return (1 - self.tokens) * server.window / server.rate
        while self.passed and self.passed[0] <= now - server.window:
            self.passed.popleft()
        if len(self.passed) < server.rate:
            self.passed.append(now)
            return None
        return self.passed[0] + server.window - now

    def _ends(self, now: float, instant: bool, busy: int) -> float:
        server = self.server
        if instant:
            return now + 0.003
        latency = server.latency(self.random)
        if server.degrades_beyond and busy > server.degrades_beyond:
            latency *= (busy / server.degrades_beyond) ** 2
        if server.at_once is None:
            return now + latency
        while self.free_at and self.free_at[0] <= now:
            heapq.heappop(self.free_at)
        start = now if len(self.free_at) < server.at_once else heapq.heappop(self.free_at)
        heapq.heappush(self.free_at, start + latency)
        return start + latency

    def seconds(self) -> float:
        """Run the search, and return how long it took."""
        order = count()
        events: list[tuple[float, int, Any, float, float | None]] = []
        todo, in_flight, resume_at, wake = self.pages, 0, 0.0, None
        done, by_refusal = 0, False

        def send(instant: bool) -> None:
            nonlocal in_flight
            self.limiter.sent(self.now)
            in_flight += 1
            self.peak = max(self.peak, in_flight)
            if any(begin <= self.now < end for begin, end in self.server.outages):
                kind, wait, ends = "failed", None, self.now + 0.02
            elif (wait := self._admitted(self.now, instant)) is not None:
                kind, ends = "refused", self.now + self.server.refusal_latency
            else:
                kind, ends = ("other" if instant else "page"), self._ends(self.now, instant, in_flight)
                self.working += 1
            began = self.now + 1e-9 * in_flight  # no two at the same moment
            heapq.heappush(events, (ends, next(order), kind, began, wait))

        for _ in range(self.probes):
            send(True)
        probing = self.probes
        while done < self.pages:
            if not probing:
                while todo and in_flight < self.limiter.level and self.now >= resume_at:
                    delay = self.limiter.delay(self.now)
                    if delay > 0:
                        if wake is None or wake <= self.now:
                            wake = self.now + delay + 1e-6
                            heapq.heappush(events, (wake, next(order), "wake", self.now, None))
                        break
                    send(False)
                    todo -= 1
            self.now, _, kind, began, wait = heapq.heappop(events)
            if kind == "wake":
                continue
            if kind == "again":
                todo += 1
                continue
            in_flight -= 1
            self.working -= kind in ("page", "other")
            says = float(ceil(wait or 0.0)) if kind == "refused" and self.server.says else None
            self.limiter.observe(Ended(kind, self.now - began, in_flight + 1, self.now, retry_after=says))
            self.levels.append(self.limiter.level)
            if kind in ("refused", "failed"):
                self.refusals += kind == "refused"
                self.failures += kind == "failed"
                pause = says if says is not None else self.random.uniform(0.5, 1.0) * CALM_RETRY_SECONDS
                resume_at, by_refusal = max(resume_at, self.now + pause), kind == "refused"
                heapq.heappush(events, (resume_at + 1e-6, next(order), "wake", self.now, None))
                if not probing:  # with all others, where the next answer may end the pause
                    taken = self.limiter.crowded or self.limiter.calm  # once a slot is free
                    again = self.now if kind == "refused" and taken else self.now + pause
                    heapq.heappush(events, (again, next(order), "again", self.now, None))
                if probing:
                    probing -= 1
                    continue
            elif kind == "other":
                probing -= 1
            else:
                done += 1
            if (self.limiter.calm or (self.limiter.crowded and kind in ("page", "other"))) and by_refusal:
                resume_at = min(resume_at, self.now)
        return self.now
