"""Items as tables: Arrow and GeoPandas, through stac-geoparquet (extra `geoparquet`).

The columns are those of the stac-geoparquet specification: the members of `properties` stand beside those of the item.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import warnings
from collections.abc import Generator, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from stac_manager.context import WorkflowContext
from stac_manager.exceptions import ConfigurationError, DataProcessingError
from stac_manager.protocols import Item

if TYPE_CHECKING:
    import geopandas
    import pyarrow

    from stac_manager.ingest import IngestModule

ITEMS_A_BATCH = 8_192
BATCHES_WAITING = 1

_Message: TypeAlias = "list[Item] | BaseException | None"


def arrow_batches(
    module: IngestModule, context: WorkflowContext | None = None, *, items_a_batch: int = ITEMS_A_BATCH
) -> Iterator[pyarrow.RecordBatch]:
    """Yield the items of `module` as record batches, each with the columns that its own items have.

    Works in a notebook as well: the items are fetched in a thread, and no more than three batches of them are held.

    Args:
        module: What to fetch.
        context: Takes the failures. Without one, a warning says how many there were.
        items_a_batch: The most items in a batch.

    Raises:
        ConfigurationError: As `fetch`; also when stac-geoparquet is not installed.
        DataProcessingError: As `fetch`; also when the members of a batch have types that cannot stand in one column.
    """
    try:
        import pyarrow
        from stac_geoparquet.arrow import parse_stac_items_to_arrow
    except ImportError as error:
        raise ConfigurationError(
            f"tables need {error.name}, which is not installed: pip install stac-geoparquet"
        ) from None
    with _failures_told(context) as used, closing(_chunks_from_a_thread(module, used, items_a_batch)) as chunks:
        for chunk in chunks:
            try:
                yield from parse_stac_items_to_arrow(chunk)
            except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
                first, last = chunk[0].get("id"), chunk[-1].get("id")
                raise DataProcessingError(f"items {first!r} to {last!r} cannot stand in one table: {error}") from error


def to_arrow(module: IngestModule, context: WorkflowContext | None = None) -> pyarrow.Table:
    """Fetch every item of `module` into one table. A column that some batches lack is null there.

    Raises:
        ConfigurationError: As `arrow_batches`.
        DataProcessingError: As `arrow_batches`; also when a member has types in different batches that do not go
            together, such as text and numbers.
    """
    batches = list(arrow_batches(module, context))
    import pyarrow

    tables = [pyarrow.Table.from_batches([batch]) for batch in batches]
    try:
        return pyarrow.concat_tables(tables, promote_options="permissive") if tables else pyarrow.table({})
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise DataProcessingError(f"the items cannot stand in one table: {error}") from error


def to_geopandas(module: IngestModule, context: WorkflowContext | None = None) -> geopandas.GeoDataFrame:
    """Fetch every item of `module` into a GeoDataFrame with the CRS of the specification (WGS 84).

    Raises:
        ConfigurationError: As `to_arrow`.
        DataProcessingError: As `to_arrow`.
    """
    table = to_arrow(module, context)
    import geopandas

    if "geometry" not in table.column_names:
        return geopandas.GeoDataFrame(geometry=[], crs="OGC:CRS84")
    return geopandas.GeoDataFrame.from_arrow(table, geometry="geometry")


@contextmanager
def _failures_told(context: WorkflowContext | None) -> Iterator[WorkflowContext]:
    """Give the context to use; where it is our own, warn of the failures that nobody else would see."""
    if context is not None:
        yield context
        return
    context = WorkflowContext.create()
    yield context
    failures = context.failure_collector.get_all()
    if failures:
        warnings.warn(f"{len(failures)} not delivered, the first: {failures[0]}", stacklevel=2)


def _chunks_from_a_thread(
    module: IngestModule, context: WorkflowContext, size: int
) -> Generator[list[Item], None, None]:
    """Yield the items of `module` in lists, fetched by a thread with an event loop of its own."""
    chunks: queue.Queue[_Message] = queue.Queue(maxsize=BATCHES_WAITING)
    left = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    def put(message: _Message) -> None:
        while not left.is_set():
            with suppress(queue.Full):
                chunks.put(message, timeout=0.1)
                return

    async def fetch() -> None:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        chunk: list[Item] = []
        async with aclosing(module.fetch(context)) as items:
            async for item in items:
                chunk.append(item)
                if len(chunk) == size:
                    await asyncio.to_thread(put, chunk)
                    chunk = []
        if chunk:
            await asyncio.to_thread(put, chunk)

    def run() -> None:
        try:
            asyncio.run(fetch())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of the caller
            put(error)
        else:
            put(None)

    thread = threading.Thread(target=run, name="stac_manager-tables", daemon=True)
    thread.start()
    try:
        while (message := chunks.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield message
    finally:
        left.set()
        for loop, task in running:
            with suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
