"""Looks whether a source can be measured at all, and what that will ask of a server, before it is."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import quote

from yarl import URL

from stac_manager import DataProcessingError, IngestModule, IngestOptions, WorkflowContext
from stac_manager.api.addresses import shown
from stac_manager.api.http import Client
from stac_manager.api.requests import Request
from stac_manager.exceptions import StatusError
from stac_manager.limiter import FixedLimiter
from stac_manager.network.connection import Connection
from stac_manager.stats import ApiStats
from tools.analysis.model import Concurrency

RETRIES = 1  # whoever has mistyped an address is waiting for an answer: less patience than the measurement has
REQUESTS = 4  # the most requests that `check_api_source` sends
PLANNING_REQUESTS = 6
"""What it takes to plan a search that is shared by several, on servers of all kinds, seldom more."""
AUTO_LEVEL = 20  # for the estimate: a level that `auto` does not often exceed


def requests_of(pages: int, levels: Sequence[Concurrency], repeat: int) -> int:
    """About how many requests a measurement sends, rather too many than too few.

    One worker asks for the landing page and page by page. Several plan first, and each may end with a page of its own
    that is not full.
    """
    total = REQUESTS
    for level in levels:
        workers = AUTO_LEVEL if isinstance(level, str) else level
        total += repeat * (1 + pages + (PLANNING_REQUESTS + min(workers, pages) if workers > 1 else 0))
    return total


def check_file_source(options: dict[str, Any]) -> None:
    """Fetch the first item. Raises StacManagerError: as `IngestModule.fetch`."""
    asyncio.run(_first_item(options))


def check_api_source(options: dict[str, Any]) -> None:
    """Look for the collection, then fetch the first item. Raises DataProcessingError if there is no such collection, or
    the search finds nothing.
    """
    options = {**options, "retries": RETRIES}
    collection = options.get("collection_id")
    if collection is not None:
        asyncio.run(_check_collection(options["source"], options.get("headers", {}), collection))
    if not asyncio.run(_first_item({**options, "limit": 1})):
        raise DataProcessingError(f"{shown(options['source'])}: the search finds no item")


async def _first_item(options: dict[str, Any]) -> bool:
    stream = IngestModule(cast(IngestOptions, {**options, "max_items": 1})).fetch(WorkflowContext.create())
    async with aclosing(stream) as items:
        return await anext(items, None) is not None


async def _check_collection(source: str, headers: dict[str, str], collection: str) -> None:
    root = URL(source, encoded=True)
    place = root.with_path(f"{root.path.rstrip('/')}/collections", keep_query=True)
    async with Client(source, headers, ApiStats(), FixedLimiter(1), Connection(retries=RETRIES)) as client:
        try:
            await client.send(Request("GET", str(place.joinpath(quote(collection, safe=""), encoded=True))))
        except StatusError as error:
            if error.status != 404:
                raise
            known = await client.send(Request("GET", str(place)))
            found = known.document.get("collections")
            ids = [str(each.get("id")) for each in found if isinstance(each, dict)] if isinstance(found, list) else []
            words = f"it has {', '.join(sorted(ids)[:10])}{' and more' if len(ids) > 10 else ''}" if ids else str(error)
            raise DataProcessingError(f"{shown(source)}: there is no collection {collection!r}; {words}") from None
