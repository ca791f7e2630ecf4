"""Asks whether all Items of a search are still there whose links count: where as many came as went, pages have moved
and no count shows it."""

from __future__ import annotations

from itertools import islice

from stac_manager.api.http import Client
from stac_manager.api.ledger import Ledger
from stac_manager.api.paging import LOOKS, page_if_any
from stac_manager.api.query import Query
from stac_manager.api.reading import GONE, MOVED_UNSEEN, Reading
from stac_manager.plan import Pages, Whole
from stac_manager.run import owned_tasks

FEWEST_PAGES = 11  # a search of fewer is soon read


async def look_again(client: Client, ledger: Ledger, query: Query, reading: Reading, *, last: bool) -> None:
    """Doubt a search in the last of its readings, of which a count says that all came, if some of that is gone: so many
    others have not come then. Where the server does not find Items by their ids, look whether two pages have changed.
    """
    claims, proof = ledger.claims, ledger.stats.completeness
    if not last or not claims.unproved:
        return
    counted = proof.counted if claims.alone is None else reading.counted
    short = counted is None or reading.missing() or (claims.alone is None and ledger.came < counted)
    moved = ledger.totals.failed or reading.ending.shifted or any(report.shifted for report in proof.partitions)
    few = len(claims.pages) < FEWEST_PAGES or ledger.left is not None
    if few or short or moved or reading.stopped:
        return
    parts, there, at_once = claims.parts(), set[bool | None](), 1 + isinstance(reading.share.partition, Pages)
    while there <= {True} and (several := list(islice(parts, at_once))):
        async with owned_tasks() as tasks:
            asked = [tasks.create_task(_are_there(client, query, ids)) for ids in several]
        there.update(task.result() for task in asked)
    if False in there:
        reading.ending.shifted = GONE
    elif None in there:
        for number in (0, len(claims.pages) // 2):
            request, ids = claims.pages[number][0], claims.ids_of(number)
            page = await page_if_any(client, request, request, LOOKS)
            found = {each["id"] for each in (page.objects() if page else ()) if isinstance(each.get("id"), str)}
            if len(found) == len(ids) and found != ids:  # of a page of another size nobody can tell
                reading.ending.shifted = MOVED_UNSEEN


async def _are_there(client: Client, query: Query, ids: list[str]) -> bool | None:
    """Whether the server has Items of all these ids; None where it does not tell: it may ignore that it was asked for
    some, or heed only so many, or have several of one."""
    found = await _found(client, query, ids)
    if found is None or found == len(ids) or 2 * found < len(ids):
        return found == len(ids) or None
    return [await _found(client, query, lot) for lot in (ids[:found], ids[found:])] == [found, len(ids) - found]


async def _found(client: Client, query: Query, ids: list[str]) -> int | None:
    """How many Items the server counts of these ids, where that may be told from them."""
    request = query.request(Whole(), 1, {"ids": ids})
    by_address = request.body is None and (len(request.url) > query.longest or any("," in each for each in ids))
    if by_address or query.endpoint.apart or query.endpoint.items_only:
        return None
    page = await page_if_any(client, request, request, LOOKS)
    return None if page is None or (page.matched or 0) > len(ids) else page.matched or None
