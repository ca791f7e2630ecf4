"""Another form of a search that the server refuses: by another method, at another address, in another order, with
another interval, or for each of its Collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stac_manager.api.endpoint import AREAS, BANDS, REFUSED_POST, Endpoint, find_endpoint, naming_all
from stac_manager.api.http import ATTEMPTS, Client
from stac_manager.api.ownership import Asked
from stac_manager.api.page_sizes import PageSize
from stac_manager.api.paging import Page, page_if_any
from stac_manager.api.query import NEWEST_FIRST, Query
from stac_manager.api.reading import Reading
from stac_manager.api.requests import Request, limit_of
from stac_manager.api.shares import CIRCLES
from stac_manager.exceptions import DataProcessingError
from stac_manager.geojson import area_across, band_around, boxes_of
from stac_manager.network import messages
from stac_manager.plan import Partition, Whole

FIRST_FEW = 10  # items show whether a box is taken for what it is
MOST_ANEW = 2  # so often a search is read once more, in another form, as its links lead in a circle
REFUSED_METHOD = 405
REFUSED_SORT = (400, 422, 500)
REFUSED_SEARCH = (400, 422)
TOO_LONG = (413, 414, 431)
NOT_THERE = (404, 405, 410, 501)
REFUSED_PAGE = (400, 404, 410, 416, 422)


async def another_form(
    client: Client, query: Query, error: DataProcessingError, partition: Partition, refused: Request
) -> Query | None:
    """The same search in a form that a server may not refuse, after it refused the first request of a partition;
    itself if that was in another form, as others were refused meanwhile. None where there is none."""
    limit, status = limit_of(refused), error.status
    if limit is not None and query.request(partition, limit) != refused:
        return query
    lacks_names = not query.names and messages.blames(error, "collection")
    if lacks_names and (named := await naming_all(client, query.endpoint)) is not None:
        return replace(query, endpoint=named)
    shorter = replace(query, longest=len(refused.url) // 2)
    if status in TOO_LONG and refused.method == "GET" and shorter.by_names(partition, refused):
        return shorter
    plainer = _plainer(query, error, status, query.datetime(partition) or "")
    if plainer is None and status in NOT_THERE and (items := await _items_only(client, query)) is not None:
        return replace(query, endpoint=items)
    if plainer is None and status in REFUSED_SEARCH and client.blamed and limit not in (None, 1):
        client.blamed = "" if await found(client, query, partition, attempts=1) else client.blamed
        return None if client.blamed else query
    return plainer


async def _items_only(client: Client, query: Query) -> Endpoint | None:
    """Where each Collection has its items, of a server that has no search though its landing page names one."""
    if query.endpoint.items_only or query.endpoint.collections is None:
        return None
    place = replace(query.endpoint, post=False, posts=False, items_only=True, apart=True, offers=frozenset())
    return await naming_all(client, place, query.names)


def _plainer(query: Query, error: DataProcessingError, status: int, interval: str) -> Query | None:
    endpoint = query.endpoint
    in_json = any(isinstance(query.body.get(name), dict) for name in ("intersects", "filter"))
    if status in REFUSED_SEARCH and in_json and not (endpoint.posts or endpoint.items_only):  # GET may take no JSON
        return replace(query, endpoint=replace(endpoint, post=True, posts=True))  # datacube-explorer
    if status in REFUSED_SEARCH and (plainer := query.bounds.plainer(interval)):
        return replace(query, bounds=plainer)
    if endpoint.items_only and "ids" in query.body and messages.blames(error, "ids"):  # OGC API Features has none
        return replace(query, body={name: value for name, value in query.body.items() if name != "ids"})
    by_get = replace(query, endpoint=replace(endpoint, post=False)) if endpoint.post else None
    if status == REFUSED_METHOD and by_get:
        return by_get
    keys = query.body.get("sortby", ())
    if status in REFUSED_SORT and any(each is keys[-1] for each in NEWEST_FIRST if keys):  # only we wanted it
        if by_get and status in REFUSED_SEARCH and not messages.blames(error, "sort"):
            return by_get
        rest = {name: value for name, value in query.body.items() if name != "sortby"}
        body = rest if len(keys) == 1 else {**rest, "sortby": keys[:-1]}
        return replace(query, endpoint=replace(endpoint, post=endpoint.posts), body=body)
    if status in REFUSED_POST and by_get:
        return by_get
    if status not in REFUSED_SEARCH and (usual := endpoint.at_usual_place) is not None:
        return replace(query, endpoint=usual)
    if status in REFUSED_SEARCH and not endpoint.apart and len(query.names) > 1:
        return replace(query, endpoint=replace(endpoint, apart=True))
    return None


async def further(client: Client, query: Query, reading: Reading, sizes: PageSize) -> Query | None:
    """The same search in a form that leads further than that of a reading, to read it anew; None where none does."""
    return await _beside_circle(client, query, reading) or await _asking_less(client, query, reading, sizes)


async def _asking_less(client: Client, query: Query, reading: Reading, sizes: PageSize) -> Query | None:
    """In smaller pages, where its first one has a count and no Items, as it is too large (CMR-STAC)."""
    void = reading.counted and not reading.tally.members and reading.share.partition == Whole()
    limit = sizes.now if void else 1
    while limit > 1:
        limit //= 2
        page = await found(client, query, Whole(), limit, attempts=1)
        if page is not None and page.size:
            sizes.start_over(limit)
            return replace(query, body={**query.body, "limit": limit})
    return None


async def _beside_circle(client: Client, query: Query, reading: Reading) -> Query | None:
    """The same search by GET, where the pages of POST lead in a circle: caches may tell them apart by address alone,
    and rustac 0.8 heeds the number in its own links only where it is text. None where GET leads no further: then one
    page that is not large is all there is of a part."""
    part, again = reading.share.partition, reading.share.depth >= MOST_ANEW
    if not again and reading.ending.problem in CIRCLES and reading.first.method == "POST":
        by_get = replace(query, endpoint=replace(query.endpoint, post=False))
        first = await found(client, by_get, part, attempts=1) if query.endpoint.post else None
        following = first and first.following
        second = await page_if_any(client, following, first.first, 1) if first and following else None
        goes_on = first and second and second.first_mark() not in (None, first.first_mark())
        if goes_on or not query.endpoint.post:
            return by_get
    reading.settle_circle(works=reading.is_short and part != Whole())
    return None


async def one_by_one(client: Client, query: Query, page: Page) -> Query | None:
    """The search of one Collection after another, if the server searches the first of several only (eodag): what it
    finds for them in another order is of none that its first page has, and not what it finds in theirs again. None
    where it does not."""
    names = query.names
    if len(names) < 2 or query.endpoint.apart or len(came := page.collections()) > 1 or came & {*names[1:]}:
        return None
    again = await found(client, query, Whole(), others={"collections": [*reversed(names)]})
    if again is None or again.collections() == came:
        return None
    same = await found(client, query, Whole())
    if same is None or same.collections() == again.collections():  # a new item has come
        return None
    apart = replace(query, endpoint=replace(query.endpoint, apart=True))
    if apart.is_sorted:
        raise DataProcessingError(f"{page.url}: the server searches the first of several Collections only: no sortby")
    return apart


async def found(
    client: Client,
    query: Query,
    partition: Partition,
    limit: int = 1,
    others: Mapping[str, Any] | None = None,
    attempts: int = ATTEMPTS,
) -> Page | None:
    """Ask for the first page of a partition, which can be done without; None where it cannot be had."""
    request = query.request(partition, limit, others)
    return await page_if_any(client, request, request, attempts)


async def across_antimeridian(client: Client, source: str, body: Mapping[str, Any]) -> Endpoint | None:
    """Where to ask for a box across the antimeridian, which some servers refuse, and others take for the rest of the
    world (PgSTAC, pygeoapi): as an area, if that alone finds items that are meant, or as all around the globe, if
    nothing does and there may be some. None if the search has no such box."""
    box: Sequence[float] = body.get("bbox") or ()
    if band_around(box) is None:
        return None
    meant = Asked(bbox=(*box,)).means
    endpoint = await find_endpoint(client, source, body.get("collections", ()))
    by_area = replace(endpoint, offers=endpoint.offers | {AREAS})
    forms = [endpoint] if endpoint.items_only or area_across(box) is None else [endpoint, by_area]
    for place in (*forms, *(replace(form, post=False) for form in forms if form.post)):
        request = place.request({**body, "limit": min(FIRST_FEW, body["limit"])})
        page = await page_if_any(client, request, request, ATTEMPTS)
        if page is not None and page.size and all(map(meant, page.objects())):
            return place
    around = replace(endpoint, offers=endpoint.offers | {BANDS})
    if endpoint.apart and len(endpoint.names(body)) > 1:
        return around
    for place in [around, replace(around, post=False)][: 1 + around.post]:
        for side in boxes_of(box):
            request = place.request({**body, "bbox": [*side], "limit": 1})
            if (page := await page_if_any(client, request, request, ATTEMPTS)) is not None and page.size:
                return place
    return endpoint
