"""From documents to items, one document after another, in the order of the document names."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, closing
from itertools import islice
from pathlib import Path

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.files.decoding import items_of_json, parts_of_file
from stac_manager.files.discovery import Document, discover
from stac_manager.protocols import Item
from stac_manager.stats import FileStats


async def read(
    config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: FileStats
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of `config.source` a document or a part of one at a time, in the order of the document names.

    With a `collection_id`, items of other collections are passed over.

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
    documents: list[Document], at_once: int, failures: FailureCollector, stats: FileStats
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items of each document in parts, in their order, while a bounded pool reads the next ones."""
    left = iter(documents)
    window: deque[tuple[Document, asyncio.Task[bytes | OSError] | None]] = deque()
    try:
        while True:
            for document in islice(left, at_once - len(window)):
                is_json = document.format == "json"
                read_task = asyncio.create_task(asyncio.to_thread(_bytes_of, document.path)) if is_json else None
                window.append((document, read_task))
            if not window:
                return
            document, task = window.popleft()
            stats.documents += 1
            if task is None:
                with closing(parts_of_file(document, failures)) as parts:
                    while (part := await asyncio.to_thread(next, parts, None)) is not None:
                        yield part
                continue
            data = await task
            if isinstance(data, OSError):
                failures.add(document.path, f"cannot be read: {data.strerror}")
                continue
            stats.bytes += len(data)
            yield items_of_json(data, document.path, failures)
    finally:
        await asyncio.gather(*(task for _, task in window if task), return_exceptions=True)


def _bytes_of(path: str) -> bytes | OSError:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        return error


def _nothing_delivered(
    source: str, collection_id: str | None, failures: FailureCollector, failed_before: int
) -> DataProcessingError:
    failed = failures.get_all()[failed_before:]
    if failed:
        return DataProcessingError(f"{source}: no item could be read; {len(failed)} failed, the first: {failed[0]}")
    wanted = "" if collection_id is None else f" of collection {collection_id!r}"
    return DataProcessingError(f"{source}: holds no item{wanted}")
