"""File mode: from a source to its items, in the order of the document names."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing, closing, suppress
from functools import partial
from math import inf
from time import perf_counter
from typing import TypeVar

import orjson

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.decoding import (
    is_item,
    items_of_json,
    items_of_large_json,
    items_of_lines,
    parts_of_parquet,
)
from stac_manager.files.discovery import Document, discover
from stac_manager.files.filters import Filters, filters_of
from stac_manager.files.readahead import Content, ReadAhead, hint
from stac_manager.files.window import Window
from stac_manager.protocols import Item
from stac_manager.stats import FileStats

T = TypeVar("T")

TURN_SECONDS = 0.005
"""Other tasks of the event loop get their turn after so long."""


async def read(
    config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: FileStats
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of `config.source` in parts of a few milliseconds, in the order of the document names.

    Items are decoded one by one in the consumer's thread: decoding holds the GIL, and a dict that is still in the
    processor's cache when it is dropped costs half of one that has waited in a batch. Items that do not meet the
    conditions of the configuration are passed over.

    Raises:
        ConfigurationError: If the source does not exist or holds no document.
        DataProcessingError: If no item could be delivered.
    """
    failed_before = len(failures)
    filters = filters_of(config, collection_id)
    documents = await asyncio.to_thread(discover, config, failures)
    async with aclosing(_parts(documents, config, filters, failures, stats)) as parts:
        async for part in parts:
            yield part
            if stats.items == config.max_items:
                return
    if not stats.items and (len(failures) > failed_before or not filters.may_be_empty):
        raise _nothing_delivered(config.source, filters, failures, failed_before)


async def _parts(
    documents: Sequence[Document],
    config: IngestConfig,
    filters: Filters,
    failures: FailureCollector,
    stats: FileStats,
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of all documents in parts, and let the event loop have its turn between them."""
    with (
        closing(ReadAhead(documents, config.concurrency, stats)) as reader,
        closing(_Decoder(reader, filters, config.max_items, failures, stats)) as decoder,
    ):
        upcoming = (document.path for document in documents if document.format == "parquet")
        next(upcoming, None)
        while not decoder.ended:
            yield decoder.part()
            if decoder.parquet is not None:
                if config.concurrency != 1 and (following := next(upcoming, None)) is not None:
                    await asyncio.to_thread(hint, following)
                with closing(parts_of_parquet(decoder.parquet, failures)) as batches:
                    while (batch := await _next_batch(batches, stats)) is not None:
                        yield decoder.part_of(batch)
                decoder.parquet = None
            elif (pending := reader.pending) is not None:
                started = perf_counter()
                await asyncio.wait([asyncio.wrap_future(pending)])
                stats.seconds_waiting += perf_counter() - started
            else:
                await asyncio.sleep(0)


async def _next_batch(batches: Iterator[Iterator[Item]], stats: FileStats) -> Iterator[Item] | None:
    """Let Arrow read and decompress the next rows of a Parquet file."""
    started = perf_counter()
    try:
        return await _in_thread(next, batches, None)
    finally:
        stats.seconds_reading += perf_counter() - started


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Call `function` in a thread, and when cancelled wait until it has ended: what it uses is closed next."""
    future = asyncio.get_running_loop().run_in_executor(None, partial(function, *arguments))
    try:
        return await asyncio.shield(future)
    finally:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])


class _Decoder:
    """Turns documents into items. `part` goes on where the part before it ended.

    Attributes:
        ended: There is nothing more.
        parquet: The path of a Parquet file that is next: it is read in batches, by the caller.
    """

    def __init__(
        self,
        reader: ReadAhead,
        filters: Filters,
        max_items: int | None,
        failures: FailureCollector,
        stats: FileStats,
    ) -> None:
        self._reader = reader
        self._matches = filters.matches if filters else None
        self._max_items = sys.maxsize if max_items is None else max_items
        self._failures = failures
        self._stats = stats
        self._current: Iterator[Item] | None = None
        self.ended = False
        self.parquet: str | None = None

    def part(self) -> Generator[Item, None, None]:
        """Yield items until it is the event loop's turn, and count them and the time in which the consumer has them."""
        stats, reader, matches, most = self._stats, self._reader, self._matches, self._max_items
        loads, clock = orjson.loads, perf_counter
        started = clock()
        turn = started + TURN_SECONDS
        if self._current is not None:
            yield from self._of_current(turn)
            started = clock()
        while started < turn and stats.items < most:
            if reader.has_threads and reader.pending is not None:
                return
            found = reader.next()
            if found is None:
                self.ended = True
                return
            document, content = found
            stats.documents += 1
            done = clock()
            stats.seconds_reading += done - started
            if type(content) is memoryview and document.format == "json":
                # Nearly every document is one item: the shortest way for it.
                try:
                    item = loads(content)
                except orjson.JSONDecodeError:
                    item = None
                if is_item(item):
                    if matches is not None and not matches(item):
                        started = clock()
                        continue
                    stats.items += 1
                    handed_over = clock()
                    stats.seconds_decoding += handed_over - done
                    yield item
                    del item
                    started = clock()
                    stats.seconds_consumer += started - handed_over
                    continue
                del item
            if content is None:
                self.parquet = document.path
                return
            self._begin(document, content)
            if self._current is not None:
                yield from self._of_current(turn)
            started = clock()

    def part_of(self, batch: Iterator[Item]) -> Generator[Item, None, None]:
        """Yield the items of a batch as `part` does, all of them."""
        self._current = batch
        return self._of_current(inf)

    def _begin(self, document: Document, content: Content) -> None:
        if isinstance(content, OSError):
            self._failures.add(document.path, f"cannot be read: {content.strerror or content}")
        elif isinstance(content, Window):
            decode = items_of_lines if document.format == "ndjson" else items_of_large_json
            self._current = decode(content, document.path, self._failures)
        elif content is not None and document.format == "ndjson":
            self._current = items_of_lines(Window(FileStats(), data=bytes(content)), document.path, self._failures)
        elif content is not None:
            self._current = iter(items_of_json(content, document.path, self._failures))

    def _of_current(self, turn: float) -> Generator[Item, None, None]:
        """Yield items of the document at hand, until there are none or it is the event loop's turn."""
        stats, clock, matches, most = self._stats, perf_counter, self._matches, self._max_items
        assert self._current is not None
        started = clock()
        reading = stats.seconds_reading
        for item in self._current:
            if matches is not None and not matches(item):
                if clock() >= turn:
                    return
                continue
            stats.items += 1
            handed_over = clock()
            stats.seconds_decoding += handed_over - started - (stats.seconds_reading - reading)
            yield item
            del item
            started = clock()
            stats.seconds_consumer += started - handed_over
            reading = stats.seconds_reading
            if started >= turn or stats.items >= most:
                return
        self._current = None

    def close(self) -> None:
        """Close the document at hand."""
        if isinstance(self._current, Generator):
            self._current.close()


def _nothing_delivered(
    source: str, filters: Filters, failures: FailureCollector, failed_before: int
) -> DataProcessingError:
    failed = failures.get_all()[failed_before:]
    if failed:
        return DataProcessingError(f"{source}: no item could be read; {len(failed)} failed, the first: {failed[0]}")
    return DataProcessingError(f"{source}: holds no item {filters.description}".rstrip())
