"""One search of a STAC API -> its items, a page at a time, one page after another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from yarl import URL

from stac_manager.api.http import Client, Request, shown
from stac_manager.api.paging import fetch_page, identity_of
from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.protocols import Item
from stac_manager.stats import ApiStats


async def search(
    config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: ApiStats
) -> AsyncGenerator[list[Item], None]:
    """Search the API at `config.source` and yield the items of each page, in the server's order.

    Raises:
        DataProcessingError: If the server cannot be reached, refuses, or answers nonsense.
    """
    stats.concurrency = 1
    left = config.max_items
    async with Client(config.source, config.headers, stats) as client:
        endpoint = await find_search(client, config.source)
        first = endpoint.request(body_of(config, collection_id))
        following: Request | None = first
        asked: set[int] = set()
        while following is not None and left != 0:
            identity = hash(identity_of(following))
            if identity in asked:
                raise DataProcessingError(
                    f"{first.method} {shown(first.url)}: the server's next link leads back to a page already read"
                )
            asked.add(identity)
            page = await fetch_page(client, following, first)
            if page.features:
                stats.pages += 1
            items = [item for item in page.features if _is_item(item, page.url, failures)][:left]
            following = page.following
            del page
            if left is not None:
                left -= len(items)
            yield items


@dataclass(slots=True)
class Endpoint:
    """Where and how a server takes searches."""

    url: URL
    post: bool

    def request(self, body: Mapping[str, Any]) -> Request:
        """Build the first request of a search: POST where the landing page offers it, else GET."""
        if self.post:
            return Request("POST", str(self.url), body)
        return Request("GET", str(self.url.extend_query({name: as_query(value) for name, value in body.items()})))


async def find_search(client: Client, source: str) -> Endpoint:
    """Read the landing page.

    Raises:
        DataProcessingError: If it is none, or offers no search.
    """
    landing = await client.send(Request("GET", str(URL(source).with_fragment(None))))
    links = landing.document.get("links")
    if not isinstance(links, list):
        raise DataProcessingError(f"{shown(source)}: not the landing page of a STAC API: it has no links")
    by_method = {
        str(link.get("method", "GET")).upper(): link.get("href")
        for link in reversed(links)
        if isinstance(link, dict) and link.get("rel") == "search"
    }
    href = by_method.get("POST") or by_method.get("GET")
    if not isinstance(href, str):
        raise DataProcessingError(
            f"{shown(landing.url)}: the server offers no item search (its landing page has no link 'search')"
        )
    return Endpoint(landing.url.join(URL(href, encoded=True)), "POST" in by_method)


def body_of(config: IngestConfig, collection_id: str | None) -> dict[str, Any]:
    """Put the options into the members of a POST search (STAC API, item-search)."""
    page_size = config.limit if config.max_items is None else min(config.limit, config.max_items)
    members: dict[str, Any] = {
        "collections": None if collection_id is None else [collection_id],
        "ids": None if config.ids is None else list(config.ids),
        "bbox": None if config.bbox is None else list(config.bbox),
        "intersects": config.intersects,
        "datetime": config.datetime,
        "query": config.query,
        "filter": config.filter,
        "filter-lang": None if config.filter is None else _filter_language(config.filter),
        "limit": page_size,
    }
    return {name: value for name, value in members.items() if value is not None}


def _filter_language(expression: dict[str, Any] | str) -> str:
    return "cql2-text" if isinstance(expression, str) else "cql2-json"


def as_query(value: Any) -> str:
    """Write a member as a query parameter: lists with commas, objects as JSON (STAC API, item-search)."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


def _is_item(candidate: object, url: str, failures: FailureCollector) -> bool:
    """Tell whether a member of a page is an item; searches with `fields` may leave out everything but the id."""
    if isinstance(candidate, dict) and isinstance(candidate.get("id"), str):
        return True
    failures.add(url, "not a STAC item: it has no id")
    return False
