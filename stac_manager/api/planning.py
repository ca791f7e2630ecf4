"""What is asked before a search is read: where it is offered, how many items it has, and at which times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from yarl import URL

from stac_manager.api.http import Answer, Client, Request, StatusError, shown
from stac_manager.api.paging import Page, fetch_page, matched_of, page_of
from stac_manager.api.slicing import FAR_FUTURE, Density, extent_of, histogram_of
from stac_manager.config import IngestConfig
from stac_manager.exceptions import DataProcessingError

FILTER_CLASS = "item-search#filter"
NULL_DATETIME = {"op": "isNull", "args": [{"property": "datetime"}]}


@dataclass(slots=True)
class Endpoint:
    """Where and how a server takes searches."""

    url: URL
    post: bool
    conforms_to: list[str]
    aggregate: URL | None
    collections: URL | None

    def request(self, body: Mapping[str, Any]) -> Request:
        """Build the first request of a search: POST where the landing page offers it, else GET."""
        if self.post:
            return Request("POST", str(self.url), body)
        return Request("GET", str(self.url.extend_query({name: as_query(value) for name, value in body.items()})))

    @property
    def filters(self) -> bool:
        return any(FILTER_CLASS in name for name in self.conforms_to)


@dataclass(slots=True)
class Survey:
    """What is known of a search before it is cut.

    Attributes:
        endpoint: Where it is asked.
        first: Its request as a whole.
        page: Its first page.
        reachable: How many items a datetime filter without a beginning finds; None where that was not asked.
        extent: The first and last second of the Collections concerned.
        histogram: How many items there are at which times, where the server tells.
    """

    endpoint: Endpoint
    first: Request
    page: Page
    reachable: int | None = None
    extent: tuple[float | None, float | None] = (None, None)
    histogram: Density | None = field(default=None, repr=False)


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
    conforms_to = landing.document.get("conformsTo")
    return Endpoint(
        landing.url.join(URL(href, encoded=True)),
        "POST" in by_method,
        [name for name in conforms_to if isinstance(name, str)] if isinstance(conforms_to, list) else [],
        _link(landing, "aggregate"),
        _link(landing, "data"),
    )


async def survey(client: Client, config: IngestConfig, body: Mapping[str, Any], *, at_once: int) -> Survey:
    """Ask what is needed to cut a search, at most `at_once` requests in flight.

    The path of a search is fixed by the specification (STAC API, item-search): the first page is asked for together
    with the landing page, and asked again where that names another path.
    """
    turn = asyncio.Semaphore(at_once)
    root = URL(config.source).with_fragment(None).with_query(None)
    guess = Endpoint(root / "search" if not root.path.endswith("/") else root.join(URL("search")), True, [], None, None)

    async def in_turn(request: Request, attempts: int = 2) -> Answer | None:
        """Ask for what would be good to know."""
        async with turn:
            try:
                return await client.send(request, attempts=attempts)
            except DataProcessingError:
                return None

    far_body = {**body, "datetime": f"../{FAR_FUTURE}", "limit": 1}
    far: asyncio.Task[Answer | None] | None = None
    early: asyncio.Task[Answer | None] | None = None
    times: asyncio.Task[tuple[tuple[float | None, float | None], Density | None]] | None = None
    endpoint: Endpoint | None = None
    failed: DataProcessingError | None = None
    async with asyncio.TaskGroup() as tasks:
        async with turn:
            if at_once > 1:
                early = tasks.create_task(in_turn(guess.request(body), attempts=1))
            if at_once > 2 and config.datetime is None:
                far = tasks.create_task(in_turn(guess.request(far_body), attempts=1))
            try:
                endpoint = await find_search(client, config.source)
            except DataProcessingError as error:
                failed = error
        if endpoint is None or (endpoint.url, endpoint.post) != (guess.url, guess.post):
            for task in (early, far):
                if task:
                    task.cancel()
            early = far = None
        if endpoint:
            times = tasks.create_task(_times(in_turn, endpoint, config, body))
            if far is None and config.datetime is None:
                far = tasks.create_task(in_turn(endpoint.request(far_body)))
    if endpoint is None or times is None:
        raise failed or AssertionError
    first = endpoint.request(body)
    answer = early.result() if early else None
    if answer is None:
        page, first = await fetch_page(client, first, first)
    else:
        page = page_of(answer, first)
    extent, histogram = times.result()
    far_answer = far.result() if far else None
    reachable = matched_of(far_answer.document) if far_answer else None
    return Survey(endpoint, first, page, reachable, extent, histogram)


async def _times(
    ask: Callable[[Request], Awaitable[Answer | None]],
    endpoint: Endpoint,
    config: IngestConfig,
    body: Mapping[str, Any],
) -> tuple[tuple[float | None, float | None], Density | None]:
    """Ask for the histogram where the server has one, else for the extents of the Collections."""
    if endpoint.aggregate is not None:
        wanted = {name: value for name, value in body.items() if name != "limit"}
        query = {name: as_query(value) for name, value in wanted.items()}
        answer = await ask(
            Request("GET", str(endpoint.aggregate.extend_query({**query, "aggregations": "datetime_frequency"})))
        )
        histogram = histogram_of(answer.document) if answer else None
        if histogram:
            return (None, None), histogram
    if endpoint.collections is None:
        return (None, None), None
    url = endpoint.collections
    named = body.get("collections")
    if named and len(named) == 1:
        answer = await ask(Request("GET", str(url.with_query(None) / named[0])))
        return extent_of([answer.document] if answer else []), None
    answer = await ask(Request("GET", str(url)))
    collections = answer.document.get("collections") if answer else None
    return extent_of(collections if isinstance(collections, list) else []), None


async def null_datetime_request(client: Client, endpoint: Endpoint, body: Mapping[str, Any]) -> Request | None:
    """Build the search for the items without a datetime (CQL2 `IS NULL`); None where the server cannot find them."""
    if not endpoint.filters:
        return None
    own = body.get("filter")
    complement: dict[str, Any]
    if isinstance(own, str):
        complement = {"filter": f"({own}) AND datetime IS NULL", "filter-lang": "cql2-text"}
    else:
        complement = {
            "filter": NULL_DATETIME if own is None else {"op": "and", "args": [own, NULL_DATETIME]},
            "filter-lang": "cql2-json",
        }
    request = endpoint.request({**body, **complement})
    try:
        page = page_of(await client.send(request, attempts=2), request)
    except StatusError:
        return None
    for item in page.features or ():
        properties = item.get("properties") if isinstance(item, dict) else None
        if not isinstance(properties, dict) or properties.get("datetime") is not None:
            return None  # the server ignores filters
    return request


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


def _link(landing: Answer, relation: str) -> URL | None:
    for link in landing.document["links"]:
        if isinstance(link, dict) and link.get("rel") == relation and isinstance(link.get("href"), str):
            return landing.url.join(URL(link["href"], encoded=True))
    return None
