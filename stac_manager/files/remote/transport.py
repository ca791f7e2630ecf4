"""Documents from any store: so many at once as the limiter says, again where a fault may pass, within budgets."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Any

from stac_manager.config import IngestConfig
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.remote.addresses import STORES, scheme_of
from stac_manager.files.remote.faults import (
    ATTEMPTS,
    BACKOFF_SECONDS,
    MOST_REFUSALS,
    RemoteError,
    backoff_seconds,
)
from stac_manager.files.remote.fetched import Fetched, Store
from stac_manager.files.remote.http import HttpStore
from stac_manager.files.remote.objects import ObjectStores
from stac_manager.limiter import Outcome, limiter
from stac_manager.stats import FileStats

WHOLE_BYTES = 8_388_608
"""A larger document is read in parts."""
MOST_LOST_IN_A_ROW = 20
"""When so many documents in a row cannot be had although each was asked for again, the server is gone."""


class Transport:
    """Gets documents for one fetch."""

    def __init__(self, config: IngestConfig, stats: FileStats) -> None:
        self._source = config.source
        self._headers = {} if callable(config.headers) else config.headers
        self._options = config.storage_options
        self._stores: dict[str, Store] = {}
        self._limiter = limiter(config.concurrency)
        self._stats = stats
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._resume_at = 0.0
        self._lost = 0
        self.store_of(config.source)  # says what is missing before any work is done
        stats.concurrency = self._limiter.level

    @property
    def level(self) -> int:
        """How many requests may be in flight now."""
        return self._limiter.level

    def store_of(self, url: str) -> Any:
        """Return the store that a URL is in."""
        kind = "objects" if scheme_of(url) in STORES else "http"
        if kind not in self._stores:
            self._stores[kind] = (
                ObjectStores(self._source, self._options)
                if kind == "objects"
                else HttpStore(self._source, self._headers)
            )
        return self._stores[kind]

    async def get(self, url: str, span: tuple[int, int] | None = None, most: int | None = None) -> Fetched:
        """Get a document, or the bytes [start, stop) of one, again as long as the fault may pass.

        Raises:
            RemoteError: If it cannot be had.
            DataProcessingError: If one after another could not.
        """
        attempt = refusals = 0
        while True:
            await self._turn()
            try:
                fetched = await self._once(url, span, WHOLE_BYTES if most is None else most)
            except RemoteError as error:
                refusals += error.refused
                attempt += not error.refused
                if not error.passing:
                    self._lost = 0
                    raise
                if attempt >= ATTEMPTS or refusals >= MOST_REFUSALS:
                    self._count_lost(error)
                    raise RemoteError(f"{error}, {attempt + refusals} times", status=error.status) from None
                pause = 0.0 if error.refused else backoff_seconds(attempt)
                self._hold_back(error, attempt + refusals)
            else:
                self._lost = 0
                return fetched
            finally:
                self._release()
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close every connection."""
        for store in self._stores.values():
            await store.close()

    async def _once(self, url: str, span: tuple[int, int] | None, most: int) -> Fetched:
        started = perf_counter()
        self._limiter.sent(started)
        in_flight = self._in_flight
        try:
            fetched: Fetched = await self.store_of(url).get(url, most, span)
        except RemoteError as error:
            now = perf_counter()
            outcome: Outcome = "refused" if error.refused else "failed" if error.passing else "other"
            self._limiter.observe(
                outcome, latency=now - started, in_flight=in_flight, now=now, retry_after=error.retry_after
            )
            raise
        now = perf_counter()
        self._limiter.observe("page", latency=now - started, in_flight=in_flight, now=now)
        self._stats.concurrency = self._limiter.level
        self._stats.bytes += len(fetched.data or b"")
        return fetched

    async def _turn(self) -> None:
        """Wait until another request may be sent, and count it."""
        while self._in_flight >= self._limiter.level:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():
                    self._wake()
                raise
        self._in_flight += 1
        try:
            while (delay := self._delay()) > 0:  # noqa: ASYNC110 - others may prolong it
                await asyncio.sleep(delay)
        except BaseException:
            self._release()
            raise

    def _delay(self) -> float:
        now = perf_counter()
        return max(self._limiter.delay(now), self._resume_at - now)

    def _release(self) -> None:
        self._in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        free = self._limiter.level - self._in_flight
        while free > 0 and self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                free -= 1

    def _hold_back(self, error: RemoteError, attempts: int) -> None:
        """After a refusal all requests wait, as long as the server says or longer each time."""
        if error.refused:
            seconds = (
                error.retry_after if error.retry_after is not None else backoff_seconds(attempts) + BACKOFF_SECONDS
            )
            self._resume_at = max(self._resume_at, perf_counter() + seconds)

    def _count_lost(self, error: RemoteError) -> None:
        self._lost += 1
        if self._lost >= MOST_LOST_IN_A_ROW:
            raise DataProcessingError(
                f"{self._lost} documents in a row could not be fetched, each after several attempts; the last: {error}"
            )
