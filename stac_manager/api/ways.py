"""Other ways to read a search that is read in sequence: by links that count, by space, by time after all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import ceil, floor, inf

from stac_manager.api.by_number import ByNumber, Frontier, look_at
from stac_manager.api.fetching import Fetcher
from stac_manager.api.first_page import parts_for
from stac_manager.api.forms import found
from stac_manager.api.ledger import Ledger
from stac_manager.api.paging import NO_NEXT, Page
from stac_manager.api.planning import TOO_SHORT, Planned, Planner
from stac_manager.api.query import NEWEST_FIRST, NOWHERE, Query
from stac_manager.api.reading import CAPPED, Reading
from stac_manager.api.requests import LARGE_PAGE, Counter, Request, counter_of, counter_of_sizes
from stac_manager.api.seen import Seen
from stac_manager.api.shares import CIRCLES, Share
from stac_manager.api.space import SpaceCuts
from stac_manager.api.splitting import Splitter
from stac_manager.api.survey import around_first_page
from stac_manager.exceptions import DataProcessingError
from stac_manager.plan import Interval, NoDatetime, Pages, Tile, Whole
from stac_manager.timestamps import SECOND

BY_NAMES = "The search was sent in parts: its ids, or its Collections, do not fit into one request."
ONE_BY_ONE = "Collections were searched one by one: the server has no search in several at once."
BY_SPACE = "Split by area: time does not split this search."
FEWEST_PAGES = 4  # fewer that are left are not worth another way
FEWEST_TO_PROVE = 10  # and fewer are read so soon that hardly an Item comes or goes meanwhile
MOST_AT_ONCE, DOUBTED_AT_ONCE = 4, 16
"""What a search is cut for that was meant to be read in sequence; if its count is all that says why, in finer parts:
some of them are enough to see whether counts are wrong."""
MOST_TILES = 64
MOST_JUMPS = 22  # over twice as much time each: the last one is of three months


class Ways:
    """Looks for another way while a search is read in sequence; `planner` is None where it must be."""

    def __init__(
        self, planner: Planner | None, planned: Planned, fetcher: Fetcher, ledger: Ledger, workers: int
    ) -> None:
        self._planner, self._in_order = planner, planner is None and planned.cuts is None
        self._planned = planned
        self._fetcher = fetcher
        self._ledger = ledger
        self._workers = workers
        self.by_number = ByNumber(ledger.claims)
        self._latest: tuple[Request, int, int, bool] | None = None
        """What came in sequence: asked for, size, number, and whether it overlaps the one before it."""

    @property
    def note(self) -> str | None:
        """How it was read, where that needs words."""
        if self.by_number.begun:
            parameter = self.by_number.frontier.counter.parameter
            return f"Pages were asked for by their number: the next links count ({parameter})."
        if any(isinstance(partition, Tile) for partition in self._planned.partitions):
            return BY_SPACE
        return self._planned.reason

    def accept(self, reading: Reading, sent: Request, page: Page) -> list[Share]:
        """Look at how the links of a search count; what to read in other hands from here on."""
        partition = reading.share.partition
        if isinstance(partition, Pages) and self.by_number.begun:
            self.by_number.accept(reading, partition, sent, page)
        if not isinstance(partition, Whole):
            return []
        self._latest = sent, page.size, reading.tally.fetched, page.overlaps
        if self._in_order and reading.counted is not None:
            reading.descend(page)
        known, number, following = self._planned.known, reading.tally.fetched, page.following
        able = self._workers > 1 and self._planner is not None and self._planned.reason != TOO_SHORT
        if not able or self.by_number.begun or following is None or not self._is_worth_it(reading):
            return []
        # Nobody need wait for the second page, which shows whether pages overlap: small ones do not.
        soon_read = page.size < LARGE_PAGE or reading.pages_left(page.size) < FEWEST_TO_PROVE
        counter = None
        if number == look_at(reading):
            counter = counter_of(sent, following, page.size, number)
        elif number == 1 and known and known.second_of_one and reading.counted is not None and soon_read:
            counter = counter_of_sizes(following, known.second_of_one, page.size)
        if counter is None:
            return []
        self._read_by_number(reading, counter, number, overlaps=page.overlaps)
        return self.by_number.more(self._workers)

    def _is_worth_it(self, reading: Reading) -> bool:
        return reading.counted is None or reading.pages_left(self._fetcher.page_size) >= FEWEST_PAGES

    def _read_by_number(self, reading: Reading, counter: Counter, number: int, *, overlaps: bool) -> None:
        """Read on by numbers what was read in sequence, so many pages of it, of which the latest one `overlaps`."""
        self._fetcher.follower.overlaps = overlaps
        self.by_number.begin(Frontier(counter, number, reading.counted, self._workers), reading)

    def behind(self, reading: Reading) -> list[Share]:
        """What is behind a page that cannot be had, where the links count: the rest of its range, or the next page if
        nobody asks for that otherwise. A search read in sequence goes on by numbers."""
        request = reading.ending.refused
        if request is None or reading.stopped:
            return []
        if (counter := self._counter(reading)) and self._latest is not None:
            *_, number, overlaps = self._latest
            self._read_by_number(reading, counter, number, overlaps=overlaps)
            self.by_number.fail(reading)
        return self.by_number.behind(reading, request) if self.by_number.begun else []

    def _counter(self, reading: Reading) -> Counter | None:
        """How the links of a search count that is read in sequence, up to the one that is refused."""
        request, latest, part = reading.ending.refused, self._latest, reading.share.partition
        if not (request and latest and isinstance(part, Whole)) or self.by_number.begun:
            return None
        return counter_of(latest[0], request, *latest[1:3])

    def by_names(self, query: Query, reading: Reading) -> list[Share]:
        """Parts of a search that does not fit into one address; a server that ignores names gives the same to each."""
        parts = query.by_names(reading.share.partition, reading.first) if not reading.tally.fetched else []
        if parts:
            self._ledger.claims.delivered = Seen()
            self._planned = replace(self._planned, reason=ONE_BY_ONE if query.apart else BY_NAMES)
        return list(map(Share, parts))

    def halved(self, query: Query, reading: Reading) -> list[Share]:
        """Two parts of a search for ids of which a page cannot be had; a server that ignores ids gives all to each."""
        cut_off = reading.memory.last_was_full and reading.tally.fetched == 1  # else links lead on
        parts = query.halves(reading.share.partition) if reading.ending.error or cut_off else []
        if parts and self._ledger.claims.delivered is None:
            self._ledger.claims.delivered = Seen()
        return [Share(part, reading.before, failing=bool(reading.ending.error)) for part in parts]

    def older(self, query: Query, reading: Reading) -> list[Share]:
        """What is older than the last Item of a search in order, newest first, where no link leads on; or than one that
        cannot be had, whose time nobody knows: twice as much is passed over each time that fails."""
        part, ended, jumps = reading.share.partition, reading.descent.ended, reading.share.jumps
        if not self._in_order or self._counter(reading) or not _is_newest_first(query, reading):
            return []
        if reading.tally.items and ended is not None:
            end, jumps = floor(ended) + 1, 0
        elif isinstance(part, Interval) and part.end is not None and reading.ending.error and jumps < MOST_JUMPS:
            if jumps and reading.tally.members:
                return []  # the server ignores `datetime`: nothing older can be asked for
            if jumps == 0:
                self._ledger.failed_pages(reading)
            end, jumps = part.end // SECOND - 4 * 2**jumps, jumps + 1
        else:
            return []
        if query.bounds.low is not None and end <= query.bounds.low:
            return []
        claims, whole = self._ledger.claims, part if isinstance(part, Interval) else Interval(None, None)
        if reading.ending.error or reading.counted is None:
            reading.ending.shifted = reading.ending.problem  # some may have no datetime
        claims.delivered = reading.came() if claims.delivered is None else claims.delivered
        return [Share(replace(whole, end=end * SECOND), jumps=jumps)]

    async def by_space(self, query: Query, reading: Reading, splitter: Splitter | None) -> list[Share]:
        """Tiles of what time does not cut, and links do not show to its end, if the server filters by bbox."""
        part, ending, members = reading.share.partition, reading.ending, reading.tally.members
        match part:
            case Interval(start, end, by_start):
                nulls = None if by_start else False
            case NoDatetime():
                start, end, nulls = None, None, True
            case _:
                return []
        ends_early = ending.error or ending.problem or reading.memory.last_was_full
        more = reading.is_cut_off or ending.problem not in (None, NO_NEXT)
        items = reading.counted or (2 * members if more else 0)
        smallest = splitter is not None and splitter.is_smallest(part)
        if not (ends_early and items and smallest) or "intersects" in query.body:
            return []
        nowhere = await found(self._fetcher.client, query, part, others={"bbox": list(NOWHERE)})
        if nowhere is None or nowhere.size:
            return []
        tiles = SpaceCuts(()).plan(query.body.get("bbox"), min(ceil(items / self._fetcher.page_size) + 1, MOST_TILES))
        parts = [replace(tile, start=start, end=end, nulls=nulls) for tile in tiles]
        return [Share(each, reading.before, failing=ending.error is not None) for each in parts]

    async def look(self, reading: Reading) -> Planned | None:
        """Look for another way to cut what is being read in sequence."""
        planner = self._planner
        if planner is None or self._workers < 2 or not self._is_worth_it(reading):
            return None
        return await self._another(planner, reading.descent.reached)

    async def _another(self, planner: Planner, reached: float | None) -> Planned | None:
        if self._planned.cuts is not None:
            return None  # others cut it already
        self._planned = await planner.another_way(self._planned, self._workers, reached)
        return self._planned if self._planned.cuts is not None else None

    async def _instead_of_pages(self, planner: Planner, reading: Reading) -> Planned | None:
        """Cut a search of which pages with a large number cannot be had (the result window of Elasticsearch)."""
        try:
            found = await self._another(planner, None) or await self._despite_nulls(planner, self._planned, reading)
        except DataProcessingError:
            found = None
        frontier, self._ledger.claims.by_number = self.by_number.frontier, found is None
        if found is not None:
            frontier.end_at(frontier.next_page)
        if found is None and isinstance(part := reading.share.partition, Pages) and frontier.end == frontier.next_page:
            frontier.end = max(frontier.next_page, part.first)  # those before the last one may be there
        return found

    async def _despite_nulls(self, planner: Planner, planned: Planned, reading: Reading) -> Planned | None:
        """Cut by time what loses items without a datetime by that: the pages that may hold them cannot be had, or no
        link leads there."""
        planned = await planner.despite_nulls(planned, MOST_AT_ONCE)
        if planned.cuts is None:
            return None
        if reading.ending.error:
            self._ledger.failed_pages(reading)
        reading.ending.shifted = reading.ending.problem
        return planned

    async def help(self, query: Query, reading: Reading) -> Planned | None:
        """Cut by time what was read in sequence and did not come to its end."""
        by_number, error = self.by_number, reading.ending.error
        if by_number.begun and not (error or reading.counted or reading.ending.problem is CAPPED):
            return None
        planner, self._planner = self._planner, None
        if by_number.begun:
            by_number.fail(reading)
            return None if planner is None else await self._instead_of_pages(planner, reading)
        if planner is not None and error and not reading.memory.different:
            with suppress(DataProcessingError):
                known = await around_first_page(self._fetcher.client, query, DataProcessingError(error))
                return None if known is None else await planner.around(known, MOST_AT_ONCE)
        planned = self._planned
        if planner is None or not reading.tally.members or planned.reason in (BY_NAMES, ONE_BY_ONE):
            return None
        try:
            workers = DOUBTED_AT_ONCE if reading.contradicts else 1
            if planned.reason in ("", TOO_SHORT):
                planned = await planner.plan(MOST_AT_ONCE, lambda page: max(parts_for(page, workers), 2))
            if planned.cuts is None:
                planned = await planner.another_way(planned, MOST_AT_ONCE)
            if planned.cuts is not None:
                self._planned = planned
                return planned
            cut_off = reading.is_cut_off or reading.ending.problem in CIRCLES
            return await self._despite_nulls(planner, planned, reading) if cut_off else None
        except DataProcessingError:
            if error is not None and not self._planned.reason:
                raise DataProcessingError(error) from None
            return None


def _is_newest_first(query: Query, reading: Reading) -> bool:
    """Whether a search comes newest first: it is asked for so, or its pages show it."""
    descent, keys = reading.descent, query.body.get("sortby")
    if keys:
        return keys[0]["field"] in ("datetime", NEWEST_FIRST[0]["field"]) and keys[0]["direction"] == "desc"
    falls = descent.is_in_order and (descent.ended or inf) <= (descent.reached or 0)
    return falls or isinstance(reading.share.partition, Interval)
