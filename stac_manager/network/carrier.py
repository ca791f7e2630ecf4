"""Carries the requests of a fetch: so many at once as is good, none while the server refuses or is out, and again
where a fault may pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypeAlias, TypeVar

from stac_manager.events import Pause, Retry
from stac_manager.exceptions import DataProcessingError
from stac_manager.limiter import Limiter
from stac_manager.network.backoff import backoff_seconds, outage_seconds
from stac_manager.network.connection import Connection, Rate
from stac_manager.network.hold import Hold
from stac_manager.network.retrying import Fault, SearchEndsError, TooLargeError, Tries, decide
from stac_manager.run import Slots
from stac_manager.stats import ApiStats

T = TypeVar("T")
Turn: TypeAlias = Callable[[], Awaitable[None]]
"""Waits until one more request may be sent: each redirect is one."""

# A server that was there before and answers nobody now is asked this much more often than `retries` allow: for a minute
# at least.
OUTAGE_ATTEMPTS = 3
# Whoever waits so long for a limit of the server wants to know why.
LONG_DELAY_SECONDS = 5.0


class Carrier:
    """Sends requests, each by a function that raises a `Fault` where it fails."""

    def __init__(self, connection: Connection, limiter: Limiter, stats: ApiStats) -> None:
        self._limiter, self._stats = limiter, stats
        self._most = connection.retries + 1
        self._rate = Rate(connection.rate_limit)
        self._slots = Slots(lambda: limiter.level)
        self._hold = Hold()
        self._told_until = 0.0  # when the delay ends that was told last
        self.faults_pass = False  # whether a request that failed was answered when it was sent again
        self._outage = Outage(stats, self._hold, connection.retries and self._most + OUTAGE_ATTEMPTS)

    @property
    def answered(self) -> int:
        """How many requests were."""
        return self._outage.answered

    @property
    def in_flight(self) -> int:
        """How many requests are sent now."""
        return self._slots.used

    @property
    def knows(self) -> bool:
        """Whether there is a small request that was answered."""
        return self._outage.look is not None

    def look_with(self, send: Callable[[], Awaitable[object]]) -> None:
        """Take a small request that was answered, to look with whether the server is there."""

        async def look() -> Fault | None:
            try:
                await self._once(send)
            except Fault as fault:
                return fault if fault.is_outage else None
            except DataProcessingError:
                pass  # also an answer
            return None

        self._outage.look = look

    def tries(self, attempts: int | None = None, *, shrinkable: int = 0, link: bool = False) -> Tries:
        """Those of one request: so many at most, within what `retries` allows."""
        return Tries(min(attempts or self._most, self._most), shrinkable, link, usual=self._most)

    async def carry(self, send: Callable[[], Awaitable[T]], tries: Tries, words: Callable[[Fault], str] = str) -> T:
        """Send a request, again where the fault may pass; events of it have these words.

        Raises:
            Fault: If it does not.
            TooLargeError: If a smaller one may work, and can be asked for.
            SearchEndsError: If nobody is answered any more.
        """
        while True:
            if not await self._outage.is_over():
                await self._hold.wait()
            try:
                result = await self._once(send, alone=tries.alone)
            except Fault as fault:
                if not await self._bear(fault, tries, words):
                    raise
            else:
                self.faults_pass |= tries.attempts > tries.refusals
                if self._limiter.calm or self._limiter.crowded:
                    self._stats.seconds_paused -= self._hold.lift()
                self._outage.passed()
                return result

    async def turn(self) -> None:
        """Wait until one more request may be sent, of those that are carried."""
        while (delay := self._limiter.delay(now := perf_counter())) > 0:
            if delay >= LONG_DELAY_SECONDS and now >= self._told_until:
                self._told_until = now + delay
                self._stats.pauses += 1
                self._stats.seconds_paused += delay
                self._stats.tell(Pause(delay, "the limit of the server is reached"))
            await asyncio.sleep(min(delay, 1.0))  # it may grow, or end
        await self._rate.turn()

    async def _once(self, send: Callable[[], Awaitable[T]], *, alone: bool = False) -> T:
        async with self._slots.one(alone=alone):
            await self._hold.wait()  # which may have begun while this one waited for its slot
            return await send()

    async def _bear(self, fault: Fault, tries: Tries, words: Callable[[Fault], str]) -> bool:
        """Wait until a request can be sent again after a fault; False where it is given up. To raise the fault here
        would make it refer to itself, and keep what was read until the garbage collector comes."""
        others_pass = tries.count(fault, self.answered, self._stats.refusals)
        if fault.is_outage and not others_pass and self._outage.suspect() and await self._outage.is_over():
            tries.attempts, tries.digest = tries.attempts - 1, 0  # which was not for this request
            return True
        decision, tries.digest = decide(fault, tries), fault.digest
        if decision == "give up":
            return False
        self._stats.retries += 1
        if decision == "smaller":
            raise TooLargeError(str(fault)) from fault
        backoff = outage_seconds if fault.refused else backoff_seconds
        wait = max(backoff(tries.attempts), fault.retry_after or 0.0)
        self._stats.tell(Retry(words(fault), tries.attempts, wait))
        if fault.refused:
            self._pause(wait)
        crowded = fault.refused and (self._limiter.crowded or self._limiter.calm)
        await (self._hold.wait() if crowded else asyncio.sleep(wait))
        return True

    def _pause(self, seconds: float) -> None:
        """The server has refused: nobody asks for so long, or until others get past that request."""
        if not self._hold.left:
            self._stats.pauses += 1
            self._stats.tell(Pause(seconds))
        self._stats.seconds_paused += self._hold.prolong(seconds)


class Outage:
    """Holds every request back while the server answers nobody: `look` sends a small one, and returns the fault where
    that is still so."""

    def __init__(self, stats: ApiStats, hold: Hold, most_looks: int) -> None:
        self._stats, self._hold, self._most_looks = stats, hold, most_looks
        self.look: Callable[[], Awaitable[Fault | None]] | None = None
        self.answered = 0  # requests
        self._since: float | None = None
        self._looks = 0  # in vain, in the latest outage
        self._looking = asyncio.Lock()
        self._suspected_at = -1
        self._over: str | None = None

    async def is_over(self) -> bool:
        """Wait for the end of an outage; tell whether there was one, of which this request has suffered.
        `SearchEndsError` is raised by one that does not end."""
        if self._since is None:
            return False
        async with self._looking:
            while self._since is not None:
                await self._look_again()
        return self._looks > 0

    async def _look_again(self) -> None:
        assert self.look is not None
        if self._over is not None:
            raise SearchEndsError(self._over)
        await self._hold.wait()
        fault = await self.look()
        if fault is None:
            self.passed()
        elif self._since is not None:
            self._looks += 1
            seconds = perf_counter() - self._since
            if self._looks >= self._most_looks:
                self._over = f"{fault}; the server has been down for {seconds:.0f} s"
                raise SearchEndsError(self._over)
            wait = outage_seconds(self._looks)
            self._stats.retries += 1
            self._stats.tell(Retry(str(fault), self._looks, wait))
            await asyncio.sleep(wait)

    def passed(self) -> None:
        """A request was answered."""
        self.answered += 1
        if self._since is not None:
            seconds = perf_counter() - self._since
            if self._looks:
                self._stats.notes.append(f"The server was down for {seconds:.1f} s; the search waited and went on.")
            self._since = None

    def suspect(self) -> bool:
        """A request found nobody. Where that happens twice and nobody else is answered meanwhile, the server may be
        out: one request at a time looks, less and less often. Tell whether it may be."""
        if self.look is None:
            return False
        if self._most_looks and self._since is None and self._suspected_at == self.answered:
            self._since, self._looks = perf_counter(), 0
        self._suspected_at = self.answered
        return self._since is not None
