"""Asks for some pages again, whose links count: Items that went and came may have moved those after them."""

from __future__ import annotations

from stac_manager.api.features import DamagedPageError
from stac_manager.api.fetching import Fetcher
from stac_manager.api.ledger import Ledger
from stac_manager.api.paging import Page
from stac_manager.api.reading import MOVED_UNSEEN, Reading
from stac_manager.api.seen import is_named, marked
from stac_manager.plan import Pages
from stac_manager.run import Breaks

FEWEST_PAGES = 11  # a search of fewer is soon read


async def look_again(fetcher: Fetcher, ledger: Ledger, reading: Reading, *, last: bool) -> None:
    """Doubt a reading of which a count says that all came, if one of two pages holds other Items now than when it came:
    at the end of one that goes from page to page; of pages by number, where the `last` ones are on their way."""
    part, ending, claims = reading.share.partition, reading.ending, ledger.claims
    by_number = isinstance(part, Pages)
    counted = ledger.stats.completeness.counted if by_number else reading.expected
    if counted is None or reading.stopped or ending.shifted or ending.problem or not ending.unproved:
        return
    pages = -(-counted // part.page_size) if isinstance(part, Pages) else reading.tally.fetched
    if pages < FEWEST_PAGES or (by_number and not last):
        return
    while claims.looks and claims.held and (by_number or claims.held[-1][0] == part) and not ending.shifted:
        claims.looks -= 1
        _, request, marks = claims.held.pop()
        page = await fetcher.again(request, reading)
        found = [] if page is None else await _marks_of(page)
        if len(found) == len(marks) and set(found) != set(marks):  # of a page of another size nobody can tell
            ending.shifted = MOVED_UNSEEN


async def _marks_of(page: Page) -> list[int]:
    """What is remembered of the members of a page; nothing where one says no Collection."""
    marks: list[int] = []
    breaks = Breaks()
    try:
        for member in page.features():
            mark, item = marked(member)
            if not (item and is_named(member)):
                return []
            marks.append(mark)
            await breaks.take()
    except DamagedPageError:
        return []
    return marks
