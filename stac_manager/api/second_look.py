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


async def look_again(fetcher: Fetcher, ledger: Ledger, reading: Reading, *, last: bool) -> None:
    """Doubt a reading of which a count says that all came, if pages hold other Items now than when they came: at the
    end of one that goes from page to page; of pages by number, where the `last` ones are on their way."""
    part, ending, kept = reading.share.partition, reading.ending, ledger.claims.kept
    counted = ledger.stats.completeness.counted if isinstance(part, Pages) else reading.expected
    if counted is None or reading.stopped or ending.shifted or ending.problem or not ending.unproved:
        return
    if not isinstance(part, Pages):
        held = kept.of(part, reading.tally.fetched)
    else:
        held = kept.next_of_all(-(-counted // part.page_size)) if last else []
    for each in held:
        page = await fetcher.again(each.request, reading)
        if page is not None and each.differs(await _marks_of(page)):
            ending.shifted = MOVED_UNSEEN
            return


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
