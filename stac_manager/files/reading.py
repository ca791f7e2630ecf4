"""From documents to items, in the order of the document names, the next documents being read ahead."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, closing
from itertools import islice
from time import perf_counter

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.decoding import items_of_json, parts_of_file
from stac_manager.files.discovery import Document, discover
from stac_manager.protocols import Item
from stac_manager.stats import FileStats

SLOW_READ_SECONDS = 0.002
"""A read that takes longer is no local disk at its best: the next ones go to a thread, the event loop stays free."""
TURN_SECONDS = 0.005
"""Other tasks of the event loop get their turn after so long."""

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


async def read(
    config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: FileStats
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of `config.source` a document or a part of one at a time, in the order of the document names.

    Items are decoded one by one in the consumer's thread: decoding holds the GIL, and a dict that is still in the
    processor's cache when it is dropped costs half of one that has waited in a batch. With a `collection_id`,
    items of other collections are passed over.

    Raises:
        ConfigurationError: If the source does not exist or holds no document.
        DataProcessingError: If no item could be delivered.
    """
    failed_before = len(failures)
    stats.concurrency = config.concurrency
    documents = await asyncio.to_thread(discover, config, failures)
    async with aclosing(_parts(documents, config.concurrency, failures, stats)) as parts:
        async for part in parts:
            if collection_id is not None:
                part = (item for item in part if item.get("collection") == collection_id)
            if config.max_items is not None:
                part = islice(part, config.max_items - stats.items)
            yield part
            if stats.items == config.max_items:
                return
    if not stats.items:
        raise _nothing_delivered(config.source, collection_id, failures, failed_before)


async def _parts(
    documents: list[Document], ahead: int, failures: FailureCollector, stats: FileStats
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of each document in parts that are small enough to hold."""
    slow = False
    turn = perf_counter()
    with closing(_ReadAhead(documents, ahead, stats)) as reader:
        while True:
            started = perf_counter()
            found = await asyncio.to_thread(reader.next) if slow else reader.next()
            done = perf_counter()
            stats.seconds_reading += done - started
            slow = done - started > SLOW_READ_SECONDS
            if found is None:
                return
            document, data = found
            stats.documents += 1
            if isinstance(data, bytes):
                stats.bytes += len(data)
                items = items_of_json(data, document.path, failures)
                del data
                stats.seconds_decoding += perf_counter() - done
                yield items
            elif isinstance(data, OSError):
                failures.add(document.path, f"cannot be read: {data.strerror}")
            else:
                with closing(parts_of_file(document, failures)) as parts:
                    while (part := await asyncio.to_thread(next, parts, None)) is not None:
                        yield part
            if perf_counter() - turn > TURN_SECONDS:
                await asyncio.sleep(0)
                turn = perf_counter()


class _ReadAhead:
    """Reads one document after another and keeps `ahead` of them open.

    With more than one, the system is told of each document when it is opened (`posix_fadvise`, where there is one), so
    that the disk works on the next ones while this one is decoded. A document that is in the page cache already
    costs one system call more, and no thread.
    """

    def __init__(self, documents: Iterable[Document], ahead: int, stats: FileStats) -> None:
        self._left: Iterator[Document] = iter(documents)
        self._ahead = ahead
        self._stats = stats
        self._window: deque[tuple[Document, int | OSError | None]] = deque()

    def next(self) -> tuple[Document, bytes | OSError | None] | None:
        """Return the next document with its bytes, or what went wrong; no bytes for formats that are read by parts."""
        for document in islice(self._left, self._ahead - len(self._window)):
            self._window.append((document, self._open(document)))
        if not self._window:
            return None
        self._stats.peak_buffer = max(self._stats.peak_buffer, len(self._window))
        document, opened = self._window.popleft()
        return document, _read_and_close(opened) if isinstance(opened, int) else opened

    def _open(self, document: Document) -> int | OSError | None:
        if document.format != "json":
            return None
        try:
            descriptor = os.open(document.path, _OPEN_FLAGS)
        except OSError as error:
            return error
        if self._ahead > 1 and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        return descriptor

    def close(self) -> None:
        for _, opened in self._window:
            if isinstance(opened, int):
                os.close(opened)
        self._window.clear()


def _read_and_close(descriptor: int) -> bytes | OSError:
    """Read a file to its end, also when it grows meanwhile."""
    try:
        expected = os.fstat(descriptor).st_size + 1
        data = os.read(descriptor, expected)
        if len(data) == expected:
            with open(descriptor, "rb", closefd=False) as rest:
                data += rest.read()
        elif len(data) < expected - 1:  # a read of several gigabytes comes in parts
            parts = [data]
            while parts[-1]:
                parts.append(os.read(descriptor, expected))
            data = b"".join(parts)
    except OSError as error:
        return error
    finally:
        os.close(descriptor)
    return data


def _nothing_delivered(
    source: str, collection_id: str | None, failures: FailureCollector, failed_before: int
) -> DataProcessingError:
    failed = failures.get_all()[failed_before:]
    if failed:
        return DataProcessingError(f"{source}: no item could be read; {len(failed)} failed, the first: {failed[0]}")
    wanted = "" if collection_id is None else f" of collection {collection_id!r}"
    return DataProcessingError(f"{source}: holds no item{wanted}")
