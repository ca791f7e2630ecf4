"""Remote sources: from a URL to its items, in the order of the links, with the next documents on their way."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from itertools import islice
from time import perf_counter
from typing import IO, Any

from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.files.changes import difference, name_from
from stac_manager.files.content import Borrowed, ParquetFoundError, items_of, parts_of_parquet
from stac_manager.files.file_source import line_from
from stac_manager.files.filtering.filters import Filters
from stac_manager.files.formats import Document, Format, format_of_name
from stac_manager.files.opening import failure_if_unreadable
from stac_manager.files.remote.addresses import located, name_of
from stac_manager.files.remote.blocks import BLOCK_BYTES, RemoteFile, read_anywhere
from stac_manager.files.remote.catalogs import Link
from stac_manager.files.remote.entries import entries_of, parts_at
from stac_manager.files.remote.faults import RemoteError
from stac_manager.files.remote.fetched import Fetched
from stac_manager.files.remote.transport import Transport
from stac_manager.files.remote.walk import Walk
from stac_manager.files.threads import in_thread
from stac_manager.files.turns import TURN_SECONDS, collection_of_path
from stac_manager.generators import owning
from stac_manager.network.redaction import RedactingFailures
from stac_manager.parsing.window import Window
from stac_manager.plan import Document as PlannedDocument
from stac_manager.protocols import Item
from stac_manager.stats import FileStats
from stac_manager.urls import shown

ITEMS_A_BATCH = 200
MOST_DOWNLOAD_BYTES = 17_179_869_184
"""A large document on a server that knows no ranges needs so much room for temporary files at the most."""


async def read(
    config: IngestConfig,
    filters: Filters,
    failures: FailureCollector,
    stats: FileStats,
    links: Sequence[Link] | None = None,
    planned: Planned | None = None,
    share: tuple[str, Document] | None = None,
) -> AsyncGenerator[Iterable[Item], None]:
    """Yield the items behind an entry point, some links, or of a share of the document at a URL, in parts.

    Raises:
        ConfigurationError: If the source is none, or a package that it needs is not installed.
        DataProcessingError: If the server is gone.
    """
    config = at_its_place(config)
    transport = Transport(config, stats)
    try:
        failures = RedactingFailures(failures, lambda: transport.secrets, shown(config.source))
        reader = _Reader(config, filters, transport, failures, stats, planned or Planned(()))
        async with owning(reader.parts_behind(links) if share is None else reader.parts_of_share(*share)) as parts:
            async for part in parts:
                yield part
                if stats.items == config.max_items:
                    return
    finally:
        await transport.close()


def at_its_place(config: IngestConfig) -> IngestConfig:
    """Return a configuration with the URL of its source as links are written."""
    return replace(config, source=located(config.source))


def format_by_name(config: IngestConfig, url: str) -> Format:
    """Return what a document is taken for before its first bytes are seen."""
    return config.format or format_of_name(name_of(url)) or "json"


class Planned:
    """Documents as they were when a plan was made."""

    def __init__(self, documents: Iterable[PlannedDocument]) -> None:
        # As they are shown: a plan has no query of the source, where secrets travel.
        self._by_url = {shown(located(each.path)): each for each in documents if each.size is not None}
        self.changed: list[str] = []  # in what some are not what they were, in sentences

    def compare(self, url: str, fetched: Fetched) -> None:
        """Note in what a document that was fetched now differs."""
        document = self._by_url.get(shown(url))
        now = fetched.size, fetched.modified_ns, fetched.etag
        reason = None if document is None else difference(document, *now)
        if reason is not None:
            self.changed.append(reason)


class _Reader:
    """Turns fetched documents into items."""

    def __init__(
        self,
        config: IngestConfig,
        filters: Filters,
        transport: Transport,
        failures: FailureCollector,
        stats: FileStats,
        planned: Planned,
    ) -> None:
        self._planned = planned
        self._config = config
        self._filters = filters
        self._matches = filters.matches if filters else None
        self._transport = transport
        self._failures = failures
        self._stats = stats

    async def parts_behind(self, links: Sequence[Link] | None) -> AsyncGenerator[Iterable[Item], None]:
        """Yield the items behind some links, or the entry point of the source, in parts."""
        config, transport = self._config, self._transport
        entries = await entries_of(config, transport) if links is None else links
        walk = Walk(
            transport, entries, config.source, lambda url: format_by_name(config, url) == "parquet", self._failures,
            self._stats,
        )  # fmt: skip
        async with owning(walk.documents()) as documents:
            async for fetched in documents:
                async with owning(self.parts_of(fetched)) as parts:
                    async for part in parts:
                        yield part

    async def parts_of(self, fetched: Fetched) -> AsyncGenerator[Iterable[Item], None]:
        """Yield the items of a document in parts."""
        document = Document(shown(fetched.linked), format_by_name(self._config, fetched.url))
        try:
            if fetched.data is None:
                async for part in self._parts_of_large(fetched, document):
                    yield part
                return
            self._planned.compare(fetched.linked, fetched)
            try:
                items = iter(items_of(memoryview(fetched.data), document, self._failures, self._filters.decode))
            except ParquetFoundError:
                async for part in self._in_batches(self._rows(io.BytesIO(fetched.data), document), document):
                    yield part
                return
        except RemoteError as error:
            parts_of_it = await parts_at(fetched.url, error, self._transport)
            if not parts_of_it:
                self._failures.add(document.path, str(error))
            for url in parts_of_it:
                async with owning(self.parts_of(Fetched(url, None, None, ranged=True, linked=url))) as parts:
                    async for part in parts:
                        yield part
            return
        ended = False
        while not ended:
            turn = _Turn(self._selected(items, document), self._stats, self._config.max_items)
            yield turn
            ended = turn.ended
            if not ended:
                await asyncio.sleep(0)

    async def parts_of_share(self, url: str, document: Document) -> AsyncGenerator[Iterable[Item], None]:
        """Yield the items of a share of a document in parts."""
        self._stats.documents += 1
        try:
            async for part in self._parts_of_large(Fetched(url, None, None, ranged=True, linked=url), document):
                yield part
        except RemoteError as error:
            self._failures.add(document.path, str(error))

    async def _parts_of_large(self, fetched: Fetched, document: Document) -> AsyncGenerator[Iterable[Item], None]:
        """Read a document by ranges, or from a temporary file where the server knows none."""
        with ExitStack() as stack:
            file = await self._opened(fetched, stack)
            text = document.format != "parquet"
            items = self._text(file, document) if text else self._rows(file, document)
            interrupt = file.interrupt if isinstance(file, RemoteFile) else None
            async for part in self._in_batches(items, document, interrupt):
                yield part

    def _text(self, file: Any, document: Document) -> Iterator[Item | None]:
        with failure_if_unreadable(document.path, self._failures):
            share, stop = _share(file, document)
            try:
                yield from items_of(Window(Borrowed(file, stop)), share, self._failures, self._filters.decode)
            except ParquetFoundError:
                file.seek(0)
                yield from self._rows(file, share)

    def _rows(self, file: Any, document: Document) -> Iterator[Item | None]:
        for batch in parts_of_parquet(document, self._failures, self._filters, file):
            yield from batch

    async def _opened(self, fetched: Fetched, stack: ExitStack) -> IO[bytes] | RemoteFile:
        first = await self._transport.get(fetched.url, (0, BLOCK_BYTES), BLOCK_BYTES)
        self._planned.compare(fetched.linked, first)
        if first.ranged and first.size is not None and len(first.data or b"") == min(BLOCK_BYTES, first.size):
            ahead, loop = self._transport.level - 1, asyncio.get_running_loop()
            first = replace(first, linked=fetched.linked)
            return stack.enter_context(closing(RemoteFile(self._transport, first, loop, ahead)))
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it, in a thread: to free gigabytes takes seconds
        stack.callback(asyncio.get_running_loop().run_in_executor, None, file.close)
        await self._transport.download(fetched.url, file, MOST_DOWNLOAD_BYTES)
        file.seek(0)
        return file

    async def _in_batches(
        self, items: Iterator[Item | None], document: Document, interrupt: Callable[[], None] | None = None
    ) -> AsyncGenerator[Iterable[Item], None]:
        """Decode in a thread, for it waits for the store."""

        def batch() -> list[Item | None]:
            return list(islice(items, ITEMS_A_BATCH))

        try:
            while found := await in_thread(batch, interrupt=interrupt):
                yield _Turn(self._selected(iter(found), document), self._stats, self._config.max_items, whole=True)
        finally:
            if isinstance(items, Generator):
                with suppress(ValueError):  # it runs: the thread ends by itself
                    items.close()

    def _selected(self, items: Iterator[Item | None], document: Document) -> Iterator[Item | None]:
        matches = self._matches
        keep = self._filters.keep
        given = collection_of_path(document.path)
        for item in items:
            if item is not None and given is not None and item.get("collection") is None:
                item = {**item, "collection": given}
            if item is not None and matches is not None and not matches(item):
                item = None
            yield item if item is None or keep is None else keep(item)


def _share(file: Any, document: Document) -> tuple[Document, int | None]:
    """Go to where a share of lines begins; return it with the name that its failures have, and where it ends."""
    if document.stop is None:
        return document, None
    read = read_anywhere(file)
    begin, stop = line_from(read, document.first), line_from(read, document.stop)
    file.seek(begin)
    if isinstance(file, RemoteFile):
        file.last = stop
    return document._replace(path=name_from(document.path, begin)), stop


class _Turn:
    """Some of the items of a document: until it is the event loop's turn, or all that are wanted were taken."""

    def __init__(
        self, items: Iterator[Item | None], stats: FileStats, most: int | None, *, whole: bool = False
    ) -> None:
        self._items = items
        self._stats = stats
        self._most = most
        self._whole = whole
        self.ended = False  # whether there is no further one

    def __iter__(self) -> Iterator[Item]:
        stats = self._stats
        started = perf_counter()
        turn = started + TURN_SECONDS
        for item in self._items:
            if item is not None:
                stats.items += 1
                handed_over = perf_counter()
                stats.seconds_decoding += handed_over - started
                yield item
                started = perf_counter()
                stats.seconds_consumer += started - handed_over
                if stats.items == self._most:
                    return
            if not self._whole and perf_counter() >= turn:
                return
        self.ended = True
