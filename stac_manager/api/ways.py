"""Other ways to read a search that is read in sequence: by links that count, by space, by time after all."""

from __future__ import annotations

from dataclasses import replace

from stac_manager.api.circles import STALE, STALE_PAGES
from stac_manager.api.fetching import Fetcher
from stac_manager.api.first_page import parts_for
from stac_manager.api.frontier import Frontier, look_at
from stac_manager.api.ledger import Ledger
from stac_manager.api.paging import Page
from stac_manager.api.planning import NULLS_LOST, Planned, Planner
from stac_manager.api.query import Query
from stac_manager.api.reading import CAPPED, SHIFTED, Reading
from stac_manager.api.requests import Request, counter_of, counter_of_sizes, with_limit
from stac_manager.api.seen import Seen
from stac_manager.api.shares import Share
from stac_manager.exceptions import DataProcessingError
from stac_manager.plan import Pages, Partition, Tile, Whole

BY_NAMES = "The search was sent in parts: its ids, or its Collections, do not fit into one request."
ONE_BY_ONE = "Collections were searched one by one: the server has no search in several at once."
BY_SPACE = "Split by area: time does not split this search."
FEWEST_PAGES = 4  # fewer that are left are not worth another way
MOST_AT_ONCE, DOUBTED_AT_ONCE = 4, 16
"""What a search is cut for that was meant to be read in sequence; if its count is all that says why, in finer parts:
some of them are enough to see whether counts are wrong."""
MOST_REFUSED = 3  # so many pages in a row that cannot be had are looked behind


class Ways:
    """Looks for another way while a search is read in sequence; `planner` is None where it must be."""

    def __init__(
        self, planner: Planner | None, planned: Planned, fetcher: Fetcher, ledger: Ledger, workers: int
    ) -> None:
        self._planner = planner
        self._planned = planned
        self._fetcher = fetcher
        self._ledger = ledger
        self._workers = workers
        self._frontier: Frontier | None = None
        self._counted: int | None = None
        self._in_vain = 0
        self._came = 0
        self._highest = 0  # number of a page that came
        self._refused: tuple[int, int] | None = None  # number of a page that cannot be had, and the end for its sake
        self._refusals = 0  # of pages, since one came
        self._latest: tuple[Request, int, int] | None = None  # what came in sequence: asked for, size, number
        self._off_count: Reading | None = None  # which goes on by links that lead to another search

    @property
    def counts(self) -> bool:
        """Whether pages are asked for by number."""
        return self._frontier is not None

    @property
    def note(self) -> str | None:
        """How it was read, where that needs words."""
        if self._frontier is not None:
            return f"Pages were asked for by their number: the next links count ({self._frontier.counter.parameter})."
        if any(isinstance(partition, Tile) for partition in self._planned.partitions):
            return BY_SPACE
        return self._planned.reason

    def first_request(self, partition: Partition) -> Request | None:
        """The request for the first page of a range of pages; None for other partitions."""
        if isinstance(partition, Pages) and self._frontier is not None:
            return self._frontier.counter.page(partition.first)
        return None

    def accept(self, reading: Reading, sent: Request, page: Page) -> list[Share]:
        """Look at how the links of a search count; what to read in other hands from here on.

        Pages that are asked for by number have no count of their own, and their next page is the next number.
        """
        partition, frontier = reading.share.partition, self._frontier
        self._came += 1
        self._refusals = 0 if page.size else self._refusals
        if isinstance(partition, Whole):
            self._latest = sent, page.size, reading.tally.fetched
        if isinstance(partition, Pages) and frontier is not None:
            if reading is not self._off_count:
                self._follow(reading, partition, frontier, sent, page)
            return []
        if not isinstance(partition, Whole) or self._workers < 2 or self._planner is None or frontier is not None:
            return []
        number, known = reading.tally.fetched, self._planned.known
        if page.following is None or not self._is_worth_it(reading):
            return []
        counter = None
        if number == look_at(reading):
            counter = counter_of(sent, page.following, page.size, number)
        elif number == 1 and known is not None and known.second_of_one is not None and reading.counted is not None:
            counter = counter_of_sizes(page.following, known.second_of_one, page.size)
        if counter is None:
            return []
        self._frontier = Frontier(counter, page.size, number, reading.counted)
        self._take_over(reading)
        return self.more(self._workers)

    def _is_worth_it(self, reading: Reading) -> bool:
        return reading.counted is None or reading.pages_left(self._fetcher.page_size) >= FEWEST_PAGES

    def _follow(self, reading: Reading, partition: Pages, frontier: Frontier, sent: Request, page: Page) -> None:
        if page.following is not None and page.size and not frontier.counter.counts(page.following):
            self._leave_count(reading, frontier, sent)
            return
        if self._counted is not None and page.matched not in (None, self._counted):
            reading.ending.shifted = SHIFTED
        reading.counted = None
        number = frontier.counter.place(sent)[0] + 1
        self._highest = max(self._highest, number - 1)
        if self._refused is not None and self._refused[0] < number - 1 and page.size:
            self._go_on(reading, frontier, *self._refused)
        if page.following is not None and page.size:
            after, rest = frontier.counter.place(page.following)
            if rest and (partition.stop is None or after < partition.stop):
                return  # a smaller page: the rest of it is next
        if page.following is None and page.size < partition.page_size:
            frontier.end_at(number)
        within = partition.stop is not None and number < partition.stop
        # More came than was counted: whoever reads the last page goes on.
        beyond = frontier.last is not None and number >= frontier.last and page.following is not None
        more = (within or beyond) and (frontier.end is None or number < frontier.end)
        reading.following = frontier.counter.page(number) if more else None

    def _go_on(self, reading: Reading, frontier: Frontier, refused: int, end: int) -> None:
        """Hand out more pages: one came that is behind the one which was taken for the end."""
        if refused == end:  # nothing else names it
            reading.ending.problem = f"a page before them, number {refused + 1}, is refused"
        frontier.end, self._refused = (None if frontier.end == end else frontier.end), None

    def _leave_count(self, reading: Reading, frontier: Frontier, sent: Request) -> None:
        """Go on by the links from the first page of which the link changes more than a number: one Collection after
        another may have pages of its own (stac-fastapi-geoparquet)."""
        number, reading.counted = frontier.counter.place(sent)[0] + 1, None
        self._ledger.claims.by_number = False  # what was asked for behind that page comes again
        if frontier.end is not None and frontier.end <= number:
            reading.following = None
            return
        frontier.end_at(number)
        if self._off_count is not None:
            self._off_count.following = None
        self._off_count = reading

    def ends(self, reading: Reading) -> bool:
        """Whether a page that the server refuses may be one behind the last."""
        partition, frontier = reading.share.partition, self._frontier
        if not isinstance(partition, Pages) or frontier is None or reading is self._off_count:
            return reading.take_for_end()
        number = frontier.counter.place(reading.following or reading.first)[0]
        if number <= self._highest or (frontier.last is not None and number < frontier.last):
            return False
        frontier.end_at(number)
        self._refused = min(self._refused or (number, number), (number, number))
        reading.ending.refused, reading.following = reading.following, None
        return True

    def may_be_over(self, reading: Reading) -> bool:
        """Whether errors may be all that is behind the last page: no count speaks against it."""
        more = self._counted is not None if reading.counted is None else reading.counted > reading.tally.members
        return bool(reading.tally.fetched or self._highest) and not more

    def behind(self, reading: Reading) -> list[Share]:
        """What is behind a page that cannot be had, where the links count: the rest of its range, or the next page if
        nobody asks for that otherwise. A search read in sequence goes on by numbers."""
        request, partition = reading.ending.refused, reading.share.partition
        if request is None or reading.stopped or reading is self._off_count:
            return []
        self._refusals += 1
        if isinstance(partition, Whole):
            self._count_on(reading, request)
        frontier = self._frontier
        if frontier is None or self._refusals > MOST_REFUSED:
            return []
        number = frontier.counter.place(request)[0] + 1
        if isinstance(partition, Pages) and partition.stop is not None and number < partition.stop:
            return [Share(frontier.pages(number, partition.stop))]
        if frontier.next_page > number or (frontier.last is not None and number >= frontier.last):
            return []
        frontier.next_page = number + 1 if frontier.last is None or self._workers > 1 else frontier.last
        return [Share(frontier.pages(number, frontier.next_page))]

    def _count_on(self, reading: Reading, refused: Request) -> None:
        """Ask for pages by their numbers from one on that cannot be had, if the link to it counts."""
        sent, size, number = self._latest or (refused, 0, 0)
        counter = counter_of(sent, refused, size, number)
        if self._frontier is None and counter is not None:
            self._frontier = Frontier(counter, size, number, reading.counted)
            self._frontier.end_at(number)
            self._highest, self._refused = number - 1, (number, number)
            self._take_over(reading)

    def _take_over(self, reading: Reading) -> None:
        """Read on by numbers what was read in sequence."""
        self._counted, reading.counted, reading.following = reading.counted, None, None
        self._ledger.claims.delivered = reading.came()
        self._ledger.claims.by_number = True

    def beyond(self, reading: Reading) -> Request | None:
        """The request for what is behind an item that cannot be had; None where the links do not count, or all came."""
        partition, frontier = reading.share.partition, self._frontier
        after = reading.behind_item()
        if after is None or not isinstance(partition, Pages) or frontier is None:
            return after if isinstance(partition, Whole) else None
        left = frontier.counter.step - frontier.counter.place(after)[1]
        return None if left == frontier.counter.step else with_limit(after, left)

    def finished(self, reading: Reading) -> None:
        """Hand out no more pages where one after another holds nothing new."""
        if self._frontier is not None and isinstance(reading.share.partition, Pages):
            self._in_vain = 0 if reading.tally.items + reading.tally.left_out else self._in_vain + 1
            if self._in_vain >= STALE_PAGES and self._frontier.end is None:
                self._frontier.end_at(self._frontier.next_page)
                reading.ending.shifted = STALE

    def more(self, idle: int) -> list[Share]:
        """The next ranges of pages, as many as there are idle hands; without a count no more than came so far."""
        if self._frontier is not None and self._frontier.last is None:
            idle = min(idle, 2 * self._came - self._frontier.next_page)
        taken = (self._frontier.take(self._workers) for _ in range(idle) if self._frontier is not None)
        return [Share(pages) for pages in taken if pages is not None]

    def by_names(self, query: Query, reading: Reading) -> list[Share]:
        """Parts of a search that does not fit into one address; a server that ignores names gives the same to each."""
        parts = query.by_names(reading.share.partition, reading.first) if not reading.tally.fetched else []
        if parts:
            self._ledger.claims.delivered = Seen()
            self._planned = replace(self._planned, reason=ONE_BY_ONE if query.apart else BY_NAMES)
        return list(map(Share, parts))

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

    async def _instead_of_pages(self, planner: Planner, frontier: Frontier, reading: Reading) -> Planned | None:
        """Cut a search of which pages with a large number cannot be had (the result window of Elasticsearch)."""
        try:
            found = await self._another(planner, None)
        except DataProcessingError:
            found = None
        self._ledger.claims.by_number = found is None
        if found is not None:
            frontier.end_at(frontier.next_page)
        if found is None and isinstance(part := reading.share.partition, Pages) and frontier.end == frontier.next_page:
            frontier.end = max(frontier.next_page, part.first)  # those before the last one may be there
        return found

    async def help(self, reading: Reading) -> Planned | None:
        """Cut by time what was read in sequence and did not come to its end."""
        if self._frontier is not None and reading.ending.error is None and reading.ending.problem is not CAPPED:
            return None
        planner, self._planner = self._planner, None
        if self._frontier is not None:
            frontier, part = self._frontier, reading.share.partition
            failed = part.first + reading.tally.fetched if isinstance(part, Pages) else 0
            if failed >= self._highest:
                frontier.end_at(frontier.next_page)
                self._refused = self._refused or (failed, frontier.next_page)
            return None if planner is None else await self._instead_of_pages(planner, frontier, reading)
        lossy = reading.ending.error is not None and self._planned.reason == NULLS_LOST
        if planner is None or not reading.tally.members or (self._planned.reason and not lossy):
            return None
        try:
            workers, planned = DOUBTED_AT_ONCE if reading.contradicts else 1, self._planned
            if not lossy:
                planned = await planner.plan(MOST_AT_ONCE, lambda page: max(parts_for(page, workers), 2))
            planned = await planner.another_way(planned, MOST_AT_ONCE)
            if planned.cuts is None and reading.ending.error is not None:
                planned = await planner.despite_nulls(planned, MOST_AT_ONCE)
                if planned.cuts is not None:
                    self._ledger.failed_pages(reading)
                    reading.ending.shifted = reading.ending.error
            return planned if planned.cuts is not None else None
        except DataProcessingError:
            if reading.ending.error is not None and not lossy:
                raise DataProcessingError(reading.ending.error) from None
            return None
