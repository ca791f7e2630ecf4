"""When a request is sent again: which faults may pass, and the gate that all requests go through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, TypeAlias

from stac_manager.events import Pause, Retry
from stac_manager.exceptions import DataProcessingError
from stac_manager.network.backoff import REFUSALS, outage_seconds
from stac_manager.network.hold import Hold
from stac_manager.stats import ApiStats

# A request that was refused so often, whether or not others got through, is sent while no other one is in flight.
REFUSALS_ALONGSIDE = 10
# Signs that a page is too large to make. 413 says so; the others are tried once more as they are.
TOO_LARGE = (413, 500, 502, 504)
ATTEMPTS_BEFORE_SMALLER = 2
# Signs that nobody is there behind a gateway, which is so for all requests alike.
OUTAGES = (502, 504, 521, 522, 523, 530)
# A server that was there before and answers nobody now is asked this much more often than `retries` allow: for a minute
# at least.
OUTAGE_ATTEMPTS = 3

Kind: TypeAlias = Literal["status", "slow", "lost", "garbled", "web page"]
"""An error status, no answer in time, no connection, an answer that is no document, HTML."""


class Fault(DataProcessingError):
    """Something that may go away by itself."""

    def __init__(
        self,
        message: str,
        kind: Kind,
        *,
        status: int = 0,
        refused: bool = False,  # the server wants fewer requests
        retry_after: float | None = None,  # how long it asks to wait, in seconds
        digest: int = 0,  # of a garbled answer: the same one again is no passing fault
    ) -> None:
        super().__init__(message)
        self.kind, self.status, self.retry_after, self.digest = kind, status, retry_after, digest
        self.refused = refused or status in REFUSALS

    @property
    def is_outage(self) -> bool:
        """Whether it may be that nobody is answered any more."""
        return self.kind in ("lost", "slow") or self.status in OUTAGES


class SearchEndsError(Exception):
    """Nothing more can be had: the end of a search, not of a page, so that nobody goes on without. The server was there
    before and answers nobody any more, say."""


@dataclass(slots=True)
class Tries:
    """What came of one request so far."""

    most: int  # attempts
    shrinkable: bool = False  # whether a smaller page can be asked for instead
    attempts: int = 0
    refusals: int = 0
    digest: int = 0
    answered: int | None = None  # requests of all, when the last fault came

    @property
    def alone(self) -> bool:
        """Whether no other request may be in flight with it."""
        return self.refusals >= REFUSALS_ALONGSIDE

    def count(self, fault: Fault, answered: int) -> bool:
        """Count a fault, when so many requests of all were answered; tell whether others got through since the last.

        A refusal while others get through is none of this request's, unless it was alone.
        """
        others_pass = self.answered is not None and self.answered != answered
        spared = fault.refused and others_pass and not self.alone
        self.attempts = 1 if spared else self.attempts + 1
        self.refusals += fault.refused
        self.answered = answered
        return others_pass


Decision: TypeAlias = Literal["again", "smaller", "give up"]


def decide(fault: Fault, tries: Tries) -> Decision:
    """Decide what follows a fault of a request, counted in its tries, while the server answers others."""
    large = fault.status in TOO_LARGE and tries.attempts >= ATTEMPTS_BEFORE_SMALLER
    same = fault.digest != 0 and fault.digest == tries.digest
    if tries.shrinkable and (fault.kind == "slow" or large or (same and fault.kind == "garbled")):
        return "smaller"  # of a garbled one, what can be read of it
    return "give up" if tries.attempts >= tries.most or same else "again"


class Gate:
    """Holds every request of a search back while the server refuses, and while it is out: then `look` sends a small
    request that was answered before, and returns the fault where still nobody answers it."""

    def __init__(self, stats: ApiStats, look: Callable[[], Awaitable[Fault | None]], most_looks: int) -> None:
        self._stats, self._look, self._most_looks = stats, look, most_looks
        self._hold = Hold()
        self._out_since: float | None = None
        self._looks = 0  # in vain, in the latest outage
        self._looking = asyncio.Lock()
        self._suspected_at = -1
        self._over: str | None = None
        self.answered = 0  # requests

    async def turn(self) -> bool:
        """Wait until nothing holds the requests back; then not all at the same moment. Tell whether that was an outage,
        of which this request has suffered; `SearchEndsError` is raised by one that does not end."""
        if self._out_since is None:
            await self._hold.wait()
            return False
        async with self._looking:
            while self._out_since is not None:
                await self._look_again()
        return self._looks > 0

    async def _look_again(self) -> None:
        if self._over is not None:
            raise SearchEndsError(self._over)
        await self._hold.wait()
        fault = await self._look()
        if fault is None:
            self.passed()
        elif self._out_since is not None:
            self._looks += 1
            seconds = perf_counter() - self._out_since
            if self._looks >= self._most_looks:
                self._over = f"{fault}; the server has been down for {seconds:.0f} s"
                raise SearchEndsError(self._over)
            wait = outage_seconds(self._looks)
            self._stats.retries += 1
            self._stats.tell(Retry(str(fault), self._looks, wait))
            await asyncio.sleep(wait)

    def passed(self, *, calm: bool = False) -> None:
        """A request was answered; `calm` if it got past those that were refused."""
        self.answered += 1
        if calm:
            self._stats.seconds_paused -= self._hold.lift()
        if self._out_since is not None:
            seconds = perf_counter() - self._out_since
            if self._looks:
                self._stats.notes.append(f"The server was down for {seconds:.1f} s; the search waited and went on.")
            self._out_since = None

    def pause(self, seconds: float) -> None:
        """The server has refused: nobody asks for so long, or until others get past that request."""
        if not self._hold.left:
            self._stats.pauses += 1
            self._stats.tell(Pause(seconds))
        self._stats.seconds_paused += self._hold.prolong(seconds)

    def suspect(self) -> bool:
        """A request found nobody. Where that happens twice and nobody else is answered meanwhile, the server may be
        out: one request at a time looks, less and less often. Tell whether it may be."""
        if self._most_looks and self._out_since is None and self._suspected_at == self.answered:
            self._out_since, self._looks = perf_counter(), 0
        self._suspected_at = self.answered
        return self._out_since is not None
