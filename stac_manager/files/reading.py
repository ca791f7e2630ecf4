"""File mode: from a source to its items, in the order of the document names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import islice
from time import perf_counter
from typing import TypeVar

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector, OwnFailures
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.batches import BatchReader
from stac_manager.files.content import parts_of_parquet
from stac_manager.files.discovery import discover
from stac_manager.files.filtering.filters import Filters, filters_of
from stac_manager.files.formats import Document
from stac_manager.files.opening import hint
from stac_manager.files.readahead import ReadAhead
from stac_manager.files.threads import in_thread
from stac_manager.files.turns import Turns
from stac_manager.generators import owning
from stac_manager.next_pages import pages_left
from stac_manager.parsing.fields import WHOLE, Decode
from stac_manager.parsing.text_items import TextItemReader
from stac_manager.parsing.texts import Texts
from stac_manager.protocols import Item
from stac_manager.stats import FileStats
from stac_manager.urls import is_remote, shown
from stac_manager.words import passed_over

T = TypeVar("T")

NO_FILES_FIRST_SECONDS = 0.05
NO_FILES_SECONDS = 10.0
"""So long a fetch waits for others to close files, where the system allows no more open ones."""

_LISTS_ALONE = threading.Lock()
"""Held by the fetch that lists its source in a thread of its own."""


async def read(
    config: IngestConfig,
    collection_id: str | None,
    failures: FailureCollector,
    stats: FileStats,
    texts: Texts | None = None,
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of `config.source` in parts of a few milliseconds, in the order of the document names.

    Items are decoded one by one in the consumer's thread: decoding holds the GIL, and a dict that is still in the
    processor's cache when it is dropped costs half of one that has waited in a batch. With a `collection_id`,
    items of other collections are passed over. `texts` keeps the text of the latest item.

    Raises:
        ConfigurationError: If the source does not exist or holds no document.
        DataProcessingError: If no item could be delivered.
    """
    own, filters, source = OwnFailures(failures), kept_by(texts, config, collection_id), config.source
    if is_remote(source):
        from stac_manager.files.remote import reading as remote

        source = shown(source)
        found = remote.read(config, filters, own, stats)
    else:
        documents = await discovered(config, own, stats.notes)
        found = read_documents(documents, config, filters, own, stats, config.max_items)
    async with owning(found) as parts:
        async for part in parts:
            yield part
            if stats.items == config.max_items:
                break
    if not stats.items and (not filters.may_be_empty or len(own) >= max(stats.documents, 1)):
        raise _nothing_delivered(source, filters, own)
    if own.catalogs:
        stats.notes.append(passed_over(own.catalogs, own.first_catalog))
    pages = pages_left(own.pages.left, own.pages.without) if stats.items != config.max_items else []
    timeless = filters.timeless.note(redacted=is_remote(source))  # a server may repeat credentials
    stats.notes += filter(None, (timeless, *pages))


def kept_by(texts: Texts | None, config: IngestConfig, collection_id: str | None) -> Filters:
    """Return the filters of a configuration, with a decoder that keeps the text of the latest item if wanted."""
    filters = filters_of(config, collection_id)
    if texts is None:
        return filters
    loads = TextItemReader(texts, (path[0] for path in filters.paths)).loads if texts.alone else texts.loads
    batches = BatchReader().take if texts.batches and not filters and not is_remote(config.source) else WHOLE.batches
    return replace(filters, whole=Decode(loads, WHOLE.kept, texts.exact, batches))


async def discovered(config: IngestConfig, failures: FailureCollector, notes: list[str]) -> Sequence[Document]:
    """List the documents of the source in a thread, which ends soon when this is cancelled.

    It is not of asyncio's pool, for which `asyncio.run` starts one more in the end. While others list theirs, it is: of
    those there are few.
    """
    stopped = threading.Event()
    thread = ThreadPoolExecutor(1) if _LISTS_ALONE.acquire(blocking=False) else None
    try:
        run = asyncio.get_running_loop().run_in_executor
        return await run(thread, discover, config, failures, notes, stopped)
    finally:
        stopped.set()
        if thread is not None:
            thread.shutdown(wait=False)
            _LISTS_ALONE.release()


async def read_documents(
    documents: Sequence[Document],
    config: IngestConfig,
    filters: Filters,
    failures: FailureCollector,
    stats: FileStats,
    max_items: int | None = None,
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of documents in parts, and let the event loop have its turn between them.

    Raises:
        DataProcessingError: If the system allows no more open files for a while.
    """
    with (
        closing(ReadAhead(documents, config.concurrency, stats)) as reader,
        closing(Turns(reader, filters, max_items, failures, stats)) as turns,
    ):
        upcoming: Iterator[str] | None = None
        waited = 0.0
        while turns.left != "end":
            yield turns.take()
            document, left = turns.document, turns.left
            if left == "parquet" and document is not None:
                if config.concurrency != 1:
                    upcoming = upcoming or _behind_first_parquet(documents)
                    if (following := next(upcoming, None)) is not None:
                        await asyncio.to_thread(hint, following)
                # One thread, for each gets an arena of its own from the allocator.
                with (
                    ThreadPoolExecutor(1) as thread,
                    closing(parts_of_parquet(document, failures, filters)) as batches,
                ):
                    while (batch := await _next_batch(batches, thread, stats)) is not None:
                        yield turns.take_all(batch)
                turns.left = None
            elif left == "refused" and document is not None:
                waited = await _wait_for_files(document, waited)
                turns.left = None
                continue
            elif (pending := reader.pending) is not None:
                started = perf_counter()
                await asyncio.wait([asyncio.wrap_future(pending)])
                stats.seconds_waiting += perf_counter() - started
            else:
                await asyncio.sleep(0)
            waited = 0.0


def _behind_first_parquet(documents: Iterable[Document]) -> Iterator[str]:
    return islice((document.path for document in documents if document.format == "parquet"), 1, None)


async def _wait_for_files(document: Document, waited: float) -> float:
    """Wait until others may have closed files, longer each time, and return the seconds of waiting so far."""
    if waited >= NO_FILES_SECONDS:
        raise DataProcessingError(
            f"{document.path}: cannot be opened: too many files are open; raise the limit (ulimit -n) or lower "
            "concurrency"
        )
    seconds = max(NO_FILES_FIRST_SECONDS, waited)
    await asyncio.sleep(seconds)
    return waited + seconds


async def _next_batch(
    batches: Iterator[Iterator[Item | None]], thread: Executor, stats: FileStats
) -> Iterator[Item | None] | None:
    """Let Arrow read and decompress the next rows of a Parquet file."""
    started = perf_counter()
    try:
        return await in_thread(next, batches, None, executor=thread)
    finally:
        stats.seconds_reading += perf_counter() - started


def _nothing_delivered(source: str, filters: Filters, failures: FailureCollector) -> DataProcessingError:
    if failed := failures.get_all():
        return DataProcessingError(f"{source}: no item could be read; {len(failures)} failed, the first: {failed[0]}")
    if failures.catalogs:  # of the source itself, "name it as the source" is no way out
        first = failures.first_catalog if failures.first_catalog != source else ""
        return DataProcessingError(f"{source}: holds no item; {passed_over(failures.catalogs, first)}")
    return DataProcessingError(f"{source}: holds no item {filters.description}".rstrip())
