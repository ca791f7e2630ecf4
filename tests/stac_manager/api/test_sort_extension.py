"""Options `sortby` and `ordered` on APIs: asked of those that have the Sort extension."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from support import make_item

from stac_manager import ApiStats, ConfigurationError, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.api.heeded import UNSORTED
from stac_manager.config import IngestConfig

from .test_faults import serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ITEMS = [make_item(f"i{n:02}", properties={"datetime": f"2024-05-{n % 7 + 1:02}T00:00:00Z"}) for n in range(25)]
NEWEST = {"field": "properties.datetime", "direction": "desc"}
BY_ID = {"field": "id", "direction": "asc"}
SORTS = "https://api.stacspec.org/v1.0.0/item-search#sort"
ID_DESCENDING = sorted((item["id"] for item in ITEMS), reverse=True)
NEWEST_FIRST = [
    item["id"] for day in range(7, 0, -1) for item in ITEMS if item["properties"]["datetime"][8:10] == f"{day:02}"
]


def api(
    asked: list[Any], *, sorts: bool, post: bool, refuses: int = 0, keys_at_most: int = 0, refuses_post: int = 0
) -> Handler:
    """Ten items a page, in the order asked for, ties in another one on each page; else in that of their ids."""
    offered = post

    async def handle(request: web.Request) -> web.Response:
        address, post = str(request.url.with_path("/search").with_query(None)), request.method == "POST"
        if request.path == "/":
            search = {"rel": "search", "href": address, "method": "POST" if offered else "GET"}
            return web.json_response({"stac_version": "1.0.0", "conformsTo": [SORTS] * sorts, "links": [search]})
        if post and refuses_post:
            return web.json_response({"description": "bad request"}, status=refuses_post)
        body = await request.json() if post else dict(request.query)
        start, sortby = int(body.get("skip", 0)), body.get("sortby")
        asked.append(sortby)
        if sortby and refuses and (not post or len(sortby) > keys_at_most):
            return web.json_response({"description": "cannot sort by id"}, status=refuses)
        items = random.Random(len(asked)).sample(ITEMS, len(ITEMS)) if sortby else list(ITEMS)
        keys = [(key["direction"] == "desc", key["field"]) for key in sortby or []] if post else [
            (key[0] == "-", key[1:]) for key in (sortby or "").split(",") if key
        ]  # fmt: skip
        for descending, name in reversed(keys):
            items.sort(
                key=lambda item, name=name: item["id"] if name == "id" else item["properties"]["datetime"],
                reverse=descending,
            )
        page: dict[str, Any] = {"type": "FeatureCollection", "features": items[start : start + 10], "links": []}
        if start + 10 < len(items):
            following = {"rel": "next", "href": address, "method": "POST", "body": {"skip": start + 10}}
            if not post:
                href = str(request.url.update_query(skip=start + 10))
                following = {"rel": "next", "href": href}
            page["links"] = [{**following, "merge": True}]
        return web.json_response(page)

    return handle


async def fetched(handle: Handler, **options: Any) -> list[str]:
    async with serving(handle) as url:
        module = IngestModule({"source": url, "limit": 10, **options})
        ids = [item["id"] async for item in module.fetch(WorkflowContext.create())]
    assert isinstance(module.stats, ApiStats)
    assert module.stats.completeness.status == "unverified"
    unsorted = ids == [item["id"] for item in ITEMS]
    assert (UNSORTED in module.stats.notes) is (unsorted and "ordered" in options)
    return ids


@pytest.mark.parametrize("post", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8, "auto"])
@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"sortby": "-id"}, ID_DESCENDING),
        ({"sortby": ["-properties.datetime", {"field": "id"}]}, NEWEST_FIRST),
        ({"sortby": "-properties.datetime"}, NEWEST_FIRST),
        ({"ordered": True}, NEWEST_FIRST),
    ],
)
async def test_items_come_in_the_order_that_was_asked_for(
    options: dict[str, Any], ids: list[str], concurrency: int | str, post: bool
) -> None:
    asked: list[Any] = []
    assert await fetched(api(asked, sorts=True, post=post), concurrency=concurrency, **options) == ids
    assert len(asked) == 3, "a sorted search is read one page after another"


async def test_a_key_that_only_tells_ties_apart_is_left_out_where_it_is_refused() -> None:
    asked: list[Any] = []
    documents = api(asked, sorts=True, post=True, refuses=400, keys_at_most=1)
    came = await fetched(documents, sortby="-properties.datetime", max_items=10)
    assert len(came) == 10
    assert asked == [[NEWEST, BY_ID], [NEWEST]]


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("status", [400, 405, 422])
async def test_what_is_refused_by_post_is_sorted_by_get(status: int, concurrency: int) -> None:
    asked: list[Any] = []
    documents = api(asked, sorts=True, post=True, refuses_post=status)
    assert await fetched(documents, ordered=True, concurrency=concurrency) == NEWEST_FIRST
    assert len(asked) == 3


@pytest.mark.parametrize("refuses", [400, 500, 0])
async def test_ordered_is_the_servers_order_where_it_cannot_sort(refuses: int) -> None:
    asked: list[Any] = []
    documents = api(asked, sorts=bool(refuses), post=True, refuses=refuses)
    came = await fetched(documents, ordered=True, concurrency=8, retries=int(refuses == 500))
    assert came == [item["id"] for item in ITEMS]
    assert asked[-3:] == [None] * 3
    assert (asked[:-3] == []) == (not refuses)
    assert (None in asked[:-3]) == (refuses == 500)  # one Item without an order shows that it is the order that fails


@pytest.mark.parametrize("refuses", [400, 0])
async def test_sortby_of_a_server_that_cannot_is_an_error(refuses: int) -> None:
    with pytest.raises(
        DataProcessingError, match="cannot sort by id" if refuses else "sortby: the server does not sort"
    ):
        await fetched(api([], sorts=bool(refuses), post=True, refuses=refuses), sortby="-id", concurrency=8)


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ("-properties.datetime,+id", (NEWEST, BY_ID)),
        ("-properties.datetime, id", (NEWEST, BY_ID)),
        (["-properties.datetime"], (NEWEST,)),
        ([NEWEST, "id"], (NEWEST, BY_ID)),
        (None, None),
        ("", "sortby"),
        ("-", "sortby"),
        ([], "sortby"),
        ({"id": "desc"}, "sortby"),
        ([{"field": "id", "direction": "down"}], "sortby"),
        ([{"field": "id", "order": "desc"}], "sortby"),
        (5, "sortby"),
    ],
)
def test_sortby_is_read_in_the_forms_of_the_extension(given: Any, keys: Any) -> None:
    options = {"source": "http://a.example/", "sortby": given}
    if keys == "sortby":
        with pytest.raises(ConfigurationError, match="sortby"):
            IngestConfig.parse(options)
        return
    config = IngestConfig.parse(options)
    assert config.sortby == keys
    assert IngestConfig.parse(config.to_json()) == config


def test_sortby_is_for_apis() -> None:
    with pytest.raises(ConfigurationError, match="sortby: only for mode 'api'"):
        IngestConfig.parse({"source": "items", "mode": "file", "sortby": "id"})
