"""Another page of a search of which the first one cannot be had: one item may make each page that holds it an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from time import time
from typing import Any

from stac_manager.api.forms import found
from stac_manager.api.http import Client
from stac_manager.api.paging import Page
from stac_manager.api.query import BY_ID, HARDLY_ANYTHING, NOWHERE, Query
from stac_manager.api.reading import Reading
from stac_manager.api.shares import Orders, Share
from stac_manager.api.space import cut
from stac_manager.exceptions import DataProcessingError
from stac_manager.geojson import boxes_of
from stac_manager.network.bodies import RefusedBodyError
from stac_manager.network.retrying import TOO_LARGE, Fault
from stac_manager.plan import Interval, Pages, Partition, Tile, Whole
from stac_manager.timestamps import FIRST_SECOND, SECOND

LATER, AT_SEA = {"datetime": HARDLY_ANYTHING}, {"bbox": list(NOWHERE)}
DOWN, UP = ({"sortby": [{**BY_ID, "direction": way}]} for way in ("desc", "asc"))
MOST_HALVES = 20  # so often what fails is halved, of a year to half a minute


async def is_answered(client: Client, query: Query, error: DataProcessingError) -> bool:
    """Whether a search of which the first page cannot be had is answered where it finds hardly anything."""
    return may_be_an_item(error, query) and (await _finds(client, query, LATER) or await _finds(client, query, AT_SEA))


async def another_page(
    client: Client, query: Query, extent: tuple[float | None, float | None]
) -> tuple[Page, bool] | None:
    """A page with items from a part of the time, in the extent of the Collections or until now, or of the area; and
    whether it is of the time. None where there is none, or nothing is answered."""
    low, high = query.bounds.low, query.bounds.high
    high = max(time(), extent[1] or 0) if high is None else high
    low = (FIRST_SECOND if extent[0] is None else extent[0]) if low is None else low
    tiles = [Tile(*box) for box in boxes_of(query.body.get("bbox"))]
    for where, parts in ((LATER, [Interval(None, None)]), (AT_SEA, tiles)):
        for part in parts if await _finds(client, query, where) else ():
            if (page := await _page_beside(client, query, part, int(low * SECOND), int(high * SECOND))) is not None:
                return page, where is LATER
    return None


async def from_both_ends(client: Client, query: Query, reading: Reading) -> list[Share]:
    """The same partition in the order of ids from one end, and then from the other one, as far as it can be had, where
    the server sorts: what it gives without an order begins at one of them, or at neither."""
    share, part, orders = reading.share, reading.share.partition, reading.share.orders.members[1:]
    if not reading.ending.error or "sort" not in query.endpoint.offers or "sortby" in query.body:
        return []
    if not share.orders.members and not isinstance(part, Pages):
        pages = [await found(client, query, part, 1, order, attempts=1) for order in ({}, DOWN, UP)]
        first, down, up = [page and page.first_mark() for page in pages]
        orders = tuple(order for order, end in ((DOWN, down), (UP, up)) if down != up and end not in (None, first))
    why = Orders(orders, reading.ending.error)
    return [replace(share, before=reading.before, failing=True, alone=True, orders=why, beyond=())] if orders else []


def may_be_an_item(error: DataProcessingError, query: Query) -> bool:
    """Whether a page may be damaged, or cannot be made, because of one item: not where nobody answers in time."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, Fault):
        cause = cause.__cause__
    refused = isinstance(error, RefusedBodyError) or "sortby" in query.body
    return not refused and error.status in (0, *TOO_LARGE) and cause is not None and cause.reached


async def _finds(client: Client, query: Query, where: Mapping[str, Any]) -> bool:
    """Whether the search is answered where it finds hardly anything."""
    asked = where is LATER or "intersects" not in query.body
    return asked and await found(client, query, Whole(), 1, where, attempts=1) is not None


async def _page_beside(client: Client, query: Query, part: Partition, low: int, high: int) -> Page | None:
    """A page of one half of a part that fails, or of one half of a half that fails, and so on."""
    failing = [part]
    for part in islice(failing, MOST_HALVES):  # which grows meanwhile
        for half in _halves(part, low, high):
            page = await found(client, query, half, query.body["limit"], attempts=1)
            if page is not None and page.size:
                client.look_with(page.first)
                return replace(page, matched=None)
            failing += [half] if page is None else []
    return None


def _halves(part: Partition, low: int, high: int) -> Sequence[Partition]:
    if not isinstance(part, Interval):
        return cut(part, (), 2) if isinstance(part, Tile) else ()
    edge = ((low if part.start is None else part.start) + (high if part.end is None else part.end)) // 2
    return replace(part, end=edge), replace(part, start=edge)
