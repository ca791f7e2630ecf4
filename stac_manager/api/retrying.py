"""When a request is sent again: which faults may pass, and the gate that all requests go through."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, TypeAlias

from stac_manager.events import Pause
from stac_manager.exceptions import DataProcessingError
from stac_manager.network.backoff import REFUSALS, outage_seconds
from stac_manager.stats import ApiStats

# A refused request waits as long as others get through; this many times in all.
MAX_REFUSALS = 50
RETRIED = (408, 500, 502, 504, *REFUSALS)
# Signs that a page is too large to make. 413 says so; the others are tried once more as they are.
TOO_LARGE = (413, 500, 502, 504)
ATTEMPTS_BEFORE_SMALLER = 2
# Signs that nobody is there behind a gateway, which is so for all requests alike.
OUTAGES = (502, 504)
# A server that was there before and answers nobody now is waited for this much longer than `retries` allow.
OUTAGE_ATTEMPTS = 3
ROUNDS_WORTH_A_NOTE = 1

Kind: TypeAlias = Literal["status", "slow", "lost", "garbled", "web page"]


class Fault(DataProcessingError):
    """Something that may go away by itself.

    Attributes:
        kind: What it is: an error status, no answer in time, no connection, an answer that is no document, HTML.
        status: The status; 0 where there was none.
        retry_after: How long the server asks to wait, in seconds.
        digest: What a garbled answer was: the same one again is no passing fault.
    """

    def __init__(
        self, message: str, kind: Kind, *, status: int = 0, retry_after: float | None = None, digest: int = 0
    ) -> None:
        super().__init__(message)
        self.kind, self.status, self.retry_after, self.digest = kind, status, retry_after, digest

    @property
    def refused(self) -> bool:
        return self.status in REFUSALS

    @property
    def is_outage(self) -> bool:
        """Whether others should not be sent either, until one gets through."""
        return self.kind == "lost" or self.status in OUTAGES


@dataclass(slots=True)
class Tries:
    """What came of one request so far.

    Attributes:
        most: How often it is sent at most.
        shrinkable: Whether a smaller page can be asked for instead.
        answered: How many requests of all had been answered when the last fault came; None before the first.
    """

    most: int
    shrinkable: bool = False
    attempts: int = 0
    refusals: int = 0
    digest: int = 0
    answered: int | None = None


Decision: TypeAlias = Literal["again", "smaller", "give up"]


def decide(fault: Fault, tries: Tries, *, others_pass: bool, rounds: int, proven: bool) -> Decision:
    """Decide what follows a fault of a request.

    Args:
        fault: What happened.
        tries: What happened to it before, this fault counted.
        others_pass: Whether other requests were answered since its last fault.
        rounds: How often some request has looked whether the server is back, while it is out.
        proven: Whether a page of this size was answered before: then the size alone is not the reason.
    """
    out = fault.is_outage and not others_pass
    attempts = rounds + 1 if out and rounds else tries.attempts
    most = tries.most + (OUTAGE_ATTEMPTS if out and proven and tries.most > 1 else 0)
    over = attempts >= most
    if tries.shrinkable:
        large = fault.status in TOO_LARGE and attempts >= ATTEMPTS_BEFORE_SMALLER
        if fault.kind == "slow" or (large and (not out or not proven or over)):
            return "smaller"
    if over or tries.refusals >= MAX_REFUSALS or (fault.digest and fault.digest == tries.digest):
        return "give up"
    return "again"


class Gate:
    """Holds every request of a search back while the server refuses, and lets one at a time through while it is out."""

    def __init__(self, stats: ApiStats) -> None:
        self._stats = stats
        self._resume_at = 0.0
        self._out: tuple[float, float] | None = None  # since when, and when the last look at it ended
        self._alone = asyncio.Lock()
        self._suspected_at = -1
        self.rounds = 0
        """How often some request has looked whether the server is back."""
        self.answered = 0
        """How many requests were answered."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until nothing holds the requests back; then not all at the same moment."""
        await self._over()
        if self._out is None:
            yield
            return
        async with self._alone:
            await self._over()
            if self._out is not None:
                yield
                return
        yield

    async def _over(self) -> None:
        while (left := self._resume_at - perf_counter()) > 0:  # noqa: ASYNC110 - others may prolong it
            await asyncio.sleep(left * random.uniform(1.0, 1.1))

    def passed(self) -> None:
        """A request was answered."""
        self.answered += 1
        if self._out is not None:
            seconds = perf_counter() - self._out[0]
            if self.rounds >= ROUNDS_WORTH_A_NOTE:
                self._stats.notes.append(f"The server was down for {seconds:.1f} s; the search waited and went on.")
            self._out, self.rounds = None, 0

    def pause(self, seconds: float) -> None:
        """The server has refused: nobody asks for so long."""
        now = perf_counter()
        resume_at = max(self._resume_at, now + seconds)
        self._stats.pauses += self._resume_at < now
        self._stats.seconds_paused += resume_at - max(self._resume_at, now)
        if self._resume_at < now:
            self._stats.tell(Pause(seconds))
        self._resume_at = resume_at

    def suspect(self, began: float) -> bool:
        """A request that began then found nobody. The second in a row means that the server is out.

        Returns:
            Whether it is: one request at a time looks whether that is over, less and less often.
        """
        now = perf_counter()
        if self._out is None:
            if self._suspected_at != self.answered:
                self._suspected_at = self.answered
                return False
            self._out = (now, 0.0)
        if began >= self._out[1]:
            self.rounds += 1
            self._out = (self._out[0], now)
            self._resume_at = max(self._resume_at, now + outage_seconds(self.rounds))
        return True
