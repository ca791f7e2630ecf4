"""IngestModule: a configuration in, a stream of STAC items out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, overload

from stac_manager.config import IngestConfig
from stac_manager.context import WorkflowContext
from stac_manager.exceptions import ConfigurationError
from stac_manager.garbage import OlderCollectionsDeferred
from stac_manager.generators import Stream, loop_runs, owning
from stac_manager.network.pool import Pool
from stac_manager.options import IngestOptions
from stac_manager.parsing.texts import Texts
from stac_manager.plan import Partition, Plan
from stac_manager.protocols import Item
from stac_manager.reader import Modifier, PartitionReader, Parts, modified
from stac_manager.stats import ApiStats, FileStats, Told

if TYPE_CHECKING:
    import geopandas
    import pyarrow

    from stac_manager.api.search import Endpoints


class IngestModule:
    """Fetches STAC items from files or a STAC API.

    Options, as a dict or as keyword arguments (`docs/options.md` says more of each):

    source: A file, folder, glob or catalog, or the URL of one, or of a STAC API's landing page.
    mode: "file" or "api". Default: follows from the source.
    concurrency: 1, a number, or "auto" (found while running): documents or requests in flight. Default 1.
    collection_id, collections: Only items of this collection, or of one of these.
    bbox, datetime, intersects, ids, filter: Only items that meet them, as a STAC API search has them (filter: CQL2).
    fields: Only these members of each item, such as "properties.datetime".
    max_items: Stop after this many.
    modifier: Called with each item before it is delivered, such as a function that signs its URLs.
    defer_gc: Defer the older generations of the garbage collector during a fetch. Default True.

    Files: source_type ("auto", "file", "items_directory", "collection"), format ("json", "ndjson", "parquet"),
    storage_options (of obstore, for s3://, gs:// and az:// sources).

    APIs: limit (items a page, default 100), query (the Query extension), sortby (the Sort extension, such as
    "-properties.datetime"), ordered (newest first, or the server's order, at any concurrency).

    The network, for APIs and remote files: headers (a dict, or a function that returns one and is called again after a
    401; not for object stores), timeout (seconds a request), retries, rate_limit (requests a second), user_agent,
    ca_bundle, client_cert, trust_env (proxies, netrc and CA bundles of the environment; default True).

    Raises:
        ConfigurationError: If an option is unknown, missing or wrong.
    """

    _mode: ClassVar[Literal["file", "api"] | None] = None

    @overload
    def __init__(self, config: IngestOptions) -> None: ...
    @overload
    def __init__(self, **options: Unpack[IngestOptions]) -> None: ...
    def __init__(self, config: Any = None, **options: Any) -> None:
        if config is not None and options:
            raise ConfigurationError("give the options as a dict or as keyword arguments, not both")
        self.config = IngestConfig.parse(options if config is None else config, self._mode)
        self.stats: FileStats | ApiStats = FileStats() if self.config.mode == "file" else ApiStats()
        """What the latest fetch did, during it and after it. `FileIngest` and `ApiIngest` have one of the two types."""

    def fetch(self, context: WorkflowContext) -> AsyncGenerator[Item, None]:
        """Yield every item of the source once.

        Files come in a fixed order, by name or by link. A search comes in the server's order at concurrency 1 and with
        `sortby` or `ordered`; else in the order in which pages arrive, each page in the server's order.

        What cannot be delivered goes to `context.failure_collector`, and the rest is delivered. `stats.completeness` of
        a search says whether everything came, and if that is not certain, why.

        Raises:
            ConfigurationError: If the source does not exist or holds no documents, before any item is read.
            DataProcessingError: If nothing could be delivered, the server refuses or stays down, or a budget is spent
                (`docs/budgets.md`). What was yielded before stays valid.
        """
        return Stream(self._items(context))

    async def texts(self, context: WorkflowContext) -> AsyncGenerator[Iterable[bytes], None]:
        """Yield what `fetch` yields as JSON, an Item a line, as sinks write it; in parts, of which to take all.

        Raises:
            ConfigurationError: As `fetch`.
            DataProcessingError: As `fetch`.
        """
        texts = Texts(alone=self._modifier is None)
        async with owning(self._parts(context, texts)) as parts:
            async for part in parts:
                yield map(texts.text_of, part)

    async def _items(self, context: WorkflowContext) -> AsyncGenerator[Item, None]:
        async with owning(self._parts(context)) as parts:
            async for part in parts:
                for item in part:
                    yield item

    def iter_items(self, context: WorkflowContext) -> Iterator[Item]:
        """Yield what `fetch` yields, for callers without an event loop.

        Raises:
            ConfigurationError: As `fetch`; also when called while an event loop runs in this thread.
            DataProcessingError: As `fetch`.
        """
        if loop_runs():
            raise ConfigurationError("iter_items() cannot run inside an event loop; use: async for item in fetch()")
        runner, parts = asyncio.Runner(), self._parts(context)
        try:
            while (part := runner.run(anext(parts, None))) is not None:
                yield from part
        finally:
            _end(runner, parts)

    def to_arrow(self, context: WorkflowContext | None = None) -> pyarrow.Table:
        """Return what `fetch` yields as one Arrow table (extra `geoparquet`). Works in a notebook as well.

        `tables.arrow_batches` gives the same as a stream of record batches.

        Raises:
            ConfigurationError: As `fetch`; also when stac-geoparquet is not installed.
            DataProcessingError: As `fetch`; also when the items cannot stand in one table.
        """
        from stac_manager.tables import to_arrow

        return to_arrow(self, context)

    def to_geopandas(self, context: WorkflowContext | None = None) -> geopandas.GeoDataFrame:
        """Return what `fetch` yields as a GeoDataFrame (extra `geoparquet`). Works in a notebook as well.

        Raises:
            ConfigurationError: As `to_arrow`.
            DataProcessingError: As `to_arrow`.
        """
        from stac_manager.tables import to_geopandas

        return to_geopandas(self, context)

    async def plan(self, *, partition_items: int = 5_000, context: WorkflowContext | None = None) -> Plan:
        """Divide the source into partitions that can be read independently, in any process.

        A search is sized by a few small requests, files by a look at them; neither is read. The same source gives the
        same plan.

        Args:
            partition_items: About how many items a partition should hold.
            context: Names the collection where the configuration does not.

        Raises:
            ConfigurationError: If the source does not exist or holds no documents.
            DataProcessingError: If the server refuses or cannot be reached.
        """
        _need_asyncio()
        collection_id = self._collection_id(context)
        if self.config.mode == "file":
            from stac_manager.files import partitions as files

            return await files.plan(self.config, collection_id, partition_items)
        from stac_manager.api import search as searches

        return await searches.plan(self.config, collection_id, partition_items)

    def read(
        self, partition: Partition, context: WorkflowContext, *, texts: Texts | None = None, pool: Pool | None = None
    ) -> PartitionReader:
        """Return a reader of one partition of a plan that was made with this configuration.

        It yields exactly the items that the partition owns; the same source gives the same items.
        `concurrency` is used within the partition. What cannot be delivered goes to `context.failure_collector`.

        Args:
            partition: What to read.
            context: For what happens, and for what fails.
            texts: What is wanted beside the items: `text_of` of the reader, and what these say.
            pool: Keeps the connections to an API for the partitions that follow; whoever made it closes it.
        """
        collection_id, failures = self._collection_id(context), context.failure_collector
        texts = Texts() if texts is None or self._modifier is not None else texts
        if self.config.mode == "file":
            from stac_manager.files import partitions as files

            file_stats = FileStats(tell=context.tell)
            read_file = partial(files.read, partition, self.config, collection_id, failures, file_stats, texts)
            return PartitionReader(partition, read_file, file_stats, self._modifier, texts)
        from stac_manager.api import search as searches

        api_stats = ApiStats(tell=context.tell)
        read_api = partial(
            searches.read, partition, self.config, collection_id, failures, api_stats, texts, self._endpoints, pool
        )
        return PartitionReader(partition, read_api, api_stats, self._modifier, texts)

    @cached_property
    def _endpoints(self) -> Endpoints:
        from stac_manager.api.search import Endpoints

        return Endpoints()

    def _collection_id(self, context: WorkflowContext | None) -> str | None:
        return self.config.collection_id or (context.data.get("collection_id") if context else None)

    @property
    def _modifier(self) -> Modifier | None:
        """What changes an item before it is delivered. Files give their fields alone; servers may give more."""
        modifier = self.config.modifier
        if self.config.mode == "file" or self.config.fields is None:
            return modifier
        from stac_manager.parsing.fields import Fields

        keep = Fields(self.config.fields).keep
        if modifier is None:
            return keep

        def kept_and_modified(item: Item) -> Item:
            kept = keep(item)
            changed = modifier(kept)
            return kept if changed is None else changed

        return kept_and_modified

    async def _parts(self, context: WorkflowContext, texts: Texts | None = None) -> Parts:
        """Yield the items in parts, as documents and pages hold them, and count what passes.

        `texts` keeps the text of the latest item, where all of it is wanted.
        """
        _need_asyncio()
        collection_id = self._collection_id(context)
        failed_before = len(context.failure_collector)
        parts: Parts
        if self.config.mode == "file":
            from stac_manager.files.reading import read

            self.stats = file_stats = FileStats(tell=context.tell)
            parts = read(self.config, collection_id, context.failure_collector, file_stats, texts)
        else:
            from stac_manager.api.search import search

            self.stats = api_stats = ApiStats(tell=context.tell)
            parts = search(self.config, collection_id, context.failure_collector, api_stats, texts)
        stats, modifier = self.stats, self._modifier
        told = Told(stats)
        started = perf_counter()
        deferred = OlderCollectionsDeferred() if self.config.defer_gc else nullcontext()
        try:
            with deferred as collections:
                async with owning(parts) as owned:
                    async for part in owned:
                        yield part if modifier is None else modified(part, modifier)
                        stats.failures = len(context.failure_collector) - failed_before
                        stats.seconds = perf_counter() - started
                        told.tell_what_is_new()
                        if collections is not None:
                            collections.look()
        finally:
            stats.failures = len(context.failure_collector) - failed_before
            stats.seconds = perf_counter() - started
            told.tell_what_is_new()


def _need_asyncio() -> None:
    if not loop_runs():
        raise ConfigurationError("this needs a loop of asyncio; with trio, use iter_items() in a thread")


def _end(runner: asyncio.Runner, parts: Parts) -> None:
    """Close the parts and their loop; by another thread where a loop runs that has dropped them, as a server's does."""

    def end() -> None:
        with runner:
            runner.run(parts.aclose())

    if loop_runs():
        with ThreadPoolExecutor(1) as thread:
            thread.submit(end).result()
    else:
        end()


class FileIngest(IngestModule):
    """An `IngestModule` of mode "file", so that type checkers know the fields of its `stats`."""

    _mode = "file"
    stats: FileStats


class ApiIngest(IngestModule):
    """An `IngestModule` of mode "api", so that type checkers know the fields of its `stats`."""

    _mode = "api"
    stats: ApiStats
