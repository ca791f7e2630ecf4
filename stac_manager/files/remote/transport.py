"""Documents from any store: so many at once as the limiter says, again where a fault may pass, within budgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import IO, Any, TypeVar

from stac_manager.config import IngestConfig
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.remote.addresses import STORES, scheme_of
from stac_manager.files.remote.faults import NO_RANGES, RemoteError
from stac_manager.files.remote.fetched import Fetched, Listed, Store, Take
from stac_manager.files.remote.http import HttpStore
from stac_manager.files.remote.objects import ObjectStores
from stac_manager.limiter import Ended, Outcome, limiter
from stac_manager.network.carrier import Carrier
from stac_manager.network.connection import Connection
from stac_manager.network.retrying import Tries
from stac_manager.network.secrets import Secrets, redacted
from stac_manager.stats import ApiStats, FileStats
from stac_manager.urls import shown

T = TypeVar("T")

WHOLE_BYTES = 8_388_608
"""A larger document is read in parts."""
MOST_LOST_IN_A_ROW = 20
"""When so many documents in a row cannot be had although each was asked for again, the server is gone."""


class Transport:
    """Gets documents for one fetch."""

    def __init__(self, config: IngestConfig, stats: FileStats) -> None:
        self._config = config
        self._connection = Connection.of(config)
        self._stores: dict[str, Store] = {}
        self._limiter = limiter(config.concurrency)
        self._stats = stats
        requests = ApiStats(notes=stats.notes, tell=stats.tell)
        self._carrier = Carrier(self._connection, self._limiter, requests)
        self._lost = 0  # documents in a row
        self.store_of(config.source)  # says what is missing before any work is done
        stats.concurrency = self._limiter.level

    @property
    def level(self) -> int:
        """How many requests may be in flight now."""
        return self._limiter.level

    def store_of(self, url: str) -> Any:
        """Return the store that a URL is in."""
        config = self._config
        kind = "objects" if scheme_of(url) in STORES else "http"
        if kind not in self._stores:
            self._stores[kind] = (
                ObjectStores(config.source, config.storage_options, self._connection)
                if kind == "objects"
                else HttpStore(config.source, config.headers, self._connection, self._carrier.turn)
            )
        return self._stores[kind]

    @property
    def secrets(self) -> Sequence[Secrets]:
        """What must not be shown, though a server may repeat it."""
        store = self._stores.get("http")
        return store.secrets if isinstance(store, HttpStore) else ()

    def note(self, text: str) -> None:
        """Note what is left out of the fetch."""
        self._stats.notes.append(text)

    async def get(
        self, url: str, span: tuple[int, int] | None = None, most: int | None = None, take: Take | None = None
    ) -> Fetched:
        """Get a document, or the bytes [start, stop) of one, again as long as the fault may pass: all of it where its
        beginning alone is refused, as by servers that know no ranges. `Fetched.ranged` tells.

        Raises:
            RemoteError: If it cannot be had.
            DataProcessingError: If one after another could not.
        """
        most = WHOLE_BYTES if most is None else most

        async def send() -> Fetched:
            fetched: Fetched = await self.store_of(url).get(url, most, span, take)
            self._stats.bytes += len(fetched.data or b"")
            return fetched

        try:
            return await self._repeated(url, send)
        except RemoteError as error:
            if span is None or span[0] or error.status not in NO_RANGES:
                raise
        return replace(await self.get(url, None, most, take), ranged=False)

    async def listed(self, url: str) -> AsyncIterator[Listed]:
        """Yield all objects under a prefix.

        Raises:
            RemoteError, DataProcessingError: As `get`.
        """
        listing = self.store_of(url).listing(url)
        while (page := await self._repeated(url, listing.next)) is not None:
            for each in page:
                yield each

    async def download(self, url: str, file: IO[bytes], most: int) -> None:
        """Write a document of up to `most` bytes to a file, from its beginning again as long as the fault may pass.

        Raises:
            RemoteError, DataProcessingError: As `get`.
        """

        async def send() -> None:
            file.seek(0)
            await asyncio.to_thread(file.truncate)  # of gigabytes it takes seconds
            await self.store_of(url).download(url, file.write, most)

        await self._repeated(url, send)

    async def _repeated(self, url: str, send: Callable[[], Awaitable[T]]) -> T:
        tries, place = self._carrier.tries(), f"GET {shown(url)}"
        try:
            result = await self._carrier.carry(
                lambda: self._observed(send), tries, lambda fault: redacted(self.secrets, f"{place}: {fault}")
            )
        except RemoteError as error:
            self._lost = self._lost + 1 if error.passing else 0
            raise self._given_up(error, tries) from None
        self._lost = 0
        return result

    async def close(self) -> None:
        """Close every connection."""
        for store in self._stores.values():
            await store.close()

    async def _observed(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send a request in its turn, and tell the limiter how it ended."""
        await self._carrier.turn()
        started = perf_counter()
        self._limiter.sent(started)
        in_flight = self._carrier.in_flight
        outcome: Outcome = "other"
        says = None
        try:
            result = await send()
            outcome = "page"
            return result
        except RemoteError as error:
            outcome = "refused" if error.refused else "failed" if error.passing else "other"
            self._stats.refusals += error.refused
            says = error.retry_after
            raise
        finally:
            now = perf_counter()
            self._limiter.observe(Ended(outcome, now - started, in_flight, now, retry_after=says))
            self._stats.concurrency = self._limiter.level

    def _given_up(self, error: RemoteError, tries: Tries) -> Exception:
        if self._lost >= MOST_LOST_IN_A_ROW:
            return DataProcessingError(
                f"{self._lost} documents in a row could not be fetched, each after several attempts; the last: {error}"
            )
        sent = max(tries.attempts, tries.refusals)
        return RemoteError(f"{error}, {sent} times", status=error.status) if error.passing and sent > 1 else error
