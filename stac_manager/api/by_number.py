"""Pages that are asked for by their numbers: how far they are read, and where they end."""

from __future__ import annotations

from stac_manager.api.ledger import Ledger
from stac_manager.api.paging import Page
from stac_manager.api.planning import LONG_FROM_PAGE
from stac_manager.api.reading import Reading
from stac_manager.api.requests import Counter, Request, numbers_of
from stac_manager.api.seen import Claims
from stac_manager.api.shares import LOOP, STALE, STALE_PAGES, Share
from stac_manager.plan import Pages, Partition
from stac_manager.report import shift_of

MOST_REFUSED = 3  # so many pages in a row that cannot be had are looked behind
SHARES_A_WORKER = 8
LAST_AHEAD = 3  # the last page is read when so many are left a worker: what it is needed for is done beside the others


class Frontier:
    """Hands out the pages of a search whose links count, in order but for the last one, a few at a time."""

    def __init__(self, counter: Counter, next_page: int, counted: int | None, workers: int) -> None:
        self.counter = counter
        self.next_page = next_page  # the first one that was not handed out
        self.end: int | None = None  # the number after that of the last page, once it came; others may still come
        self.counted = counted
        self.workers = workers
        self.again: list[int] = []  # numbers of pages that were taken for the end, to be asked for once more
        self.ends_short = False  # whether a page came that is a last one by its size, and not for the lack of any Item
        self._stop = self.last  # those from here on are handed out

    @property
    def last(self) -> int | None:
        """How many pages there are by the server's count."""
        return None if self.counted is None else -(-self.counted // self.counter.size)

    def end_at(self, number: int) -> None:
        """Take note that there is no page of this number."""
        self.end = number if self.end is None else min(self.end, number)

    def take(self) -> Pages | None:
        """Hand out the next pages: several where there are many, so that their number stays small."""
        first, stop = self.next_page, self._stop
        if any(each is not None and first >= each for each in (self.end, stop)):
            return None
        if stop is None:
            self.next_page += max(first // (SHARES_A_WORKER * self.workers), 1)
        elif stop == self.last and stop - first <= LAST_AHEAD * self.workers:
            self._stop = stop - 1
            return self.pages(stop - 1, stop)
        else:
            self.next_page = min(first + max((stop - first) // (SHARES_A_WORKER * self.workers), 1), stop)
        return self.pages(first, self.next_page)

    def pages(self, first: int, stop: int) -> Pages:
        """A range of pages."""
        counter = self.counter
        return Pages(first, stop, counter.size, counter.parameter, counter.step, counter.origin)


def look_at(reading: Reading) -> int:
    """After which page of a sequential search to look for another way: the first two may show that its links count."""
    if reading.counted is None:
        return LONG_FROM_PAGE
    return 2 if reading.following is not None and numbers_of(reading.following) else 1


class ByNumber:
    """Reads on by numbers, once that has begun, what was read in sequence: nothing more of that is asked for."""

    def __init__(self, claims: Claims) -> None:
        self._frontier: Frontier | None = None  # until it begins
        self._claims = claims
        self._came = 0
        self._counts: set[int] = set()  # by pages that contradict the one that was taken over
        self._in_vain = 0  # ranges in a row without anything new
        self.highest = 0  # number of a page that came
        self._refused: dict[int, int] = {}  # numbers of pages that cannot be had, and the end for the sake of each
        self._refusals = 0  # of pages, since one came
        self._last: int | None = None  # number after that of a short page without a next link
        self._off_count: Reading | None = None  # which goes on by links that lead to another search

    @property
    def begun(self) -> bool:
        """Whether the links of the search count, so that it is read so."""
        return self._frontier is not None

    @property
    def frontier(self) -> Frontier:
        """How far it has come."""
        assert self._frontier is not None
        return self._frontier

    def begin(self, frontier: Frontier, reading: Reading) -> None:
        """Read on from a frontier."""
        self._frontier, self._came, self.highest = frontier, frontier.next_page, frontier.next_page - 1
        self._claims.delivered, self._claims.by_number = reading.came(), True
        reading.counted = reading.following = None

    def reads(self, reading: Reading) -> bool:
        """Whether a reading is one of pages that are asked for by their numbers."""
        return self.begun and isinstance(reading.share.partition, Pages)

    def first_request(self, partition: Partition) -> Request | None:
        """The request for the first page of a range of pages; None for other partitions."""
        if not (self.begun and isinstance(partition, Pages)):
            return None
        return self.frontier.counter.page(partition.first)

    def accept(self, reading: Reading, partition: Pages, sent: Request, page: Page) -> None:
        """Take note of a page. They have no count of their own, and their next page is the next number."""
        self._came += 1
        self._refusals = 0 if page.size else self._refusals
        if reading is self._off_count:
            return
        frontier = self.frontier
        number = frontier.counter.place(sent)[0] + 1
        if page.following is not None and frontier.counter.leads_back(page.following, sent):
            reading.ending.shifted, page.following = LOOP if frontier.counted is None else None, None
            reading.ending.problem = None if reading.ending.problem == LOOP else reading.ending.problem
        elif page.following is not None and page.size and not frontier.counter.counts(page.following):
            self._leave_count(reading, sent)
            return
        if frontier.counted is not None and page.matched not in (None, frontier.counted):
            self._counts.add(page.matched or 0)
            reading.ending.shifted = shift_of(self._counts, self._came)
        reading.counted = None
        self.highest = max(self.highest, number - 1)
        if page.size and (passed := [each for each in self._refused if each < number - 1]):
            self._go_on(passed)
        if page.following is not None and page.size:
            after, rest = frontier.counter.place(page.following)
            if rest and (partition.stop is None or after < partition.stop):
                if frontier.counter.step != frontier.counter.size:
                    reading.following = frontier.counter.rest(page.following)
                return  # a smaller page: the rest of it is next
        if page.following is None and page.size < partition.page_size:
            frontier.end_at(number)
            frontier.ends_short |= page.size > 0
            self._last = number if self._last is None else min(self._last, number)
        within = partition.stop is not None and number < partition.stop
        # More came than was counted: whoever reads the last page goes on.
        beyond = frontier.last is not None and number >= frontier.last and page.following is not None
        more = (within or beyond) and (frontier.end is None or number < frontier.end)
        reading.following = frontier.counter.page(number) if more else None

    def _go_on(self, passed: list[int]) -> None:
        """Hand out more pages: one came that is behind some which were taken for the end, and refusals may pass."""
        ends = {number: self._refused.pop(number) for number in passed}
        self.frontier.again += [number for number, end in ends.items() if number == end]
        if self.frontier.end in ends.values():
            self.frontier.end = min(self._refused.values(), default=self._last)

    def _leave_count(self, reading: Reading, sent: Request) -> None:
        """Go on by the links from the first page of which the link changes more than a number: one Collection after
        another may have pages of its own (stac-fastapi-geoparquet)."""
        frontier = self.frontier
        number, reading.counted = frontier.counter.place(sent)[0] + 1, None
        self._claims.by_number = False  # what was asked for behind that page comes again
        if frontier.end is not None and frontier.end <= number:
            reading.following = None
            return
        frontier.end_at(number)
        if self._off_count is not None:
            self._off_count.following = None
        self._off_count, reading.ending.off_count = reading, True

    def ends(self, reading: Reading) -> bool:
        """Whether a page that the server refuses may be one behind the last."""
        if reading is self._off_count or not self.reads(reading):
            return reading.take_for_end()
        frontier = self.frontier
        number = frontier.counter.place(reading.following or reading.first)[0]
        if number <= self.highest or (frontier.last is not None and number < frontier.last):
            return False
        frontier.end_at(number)
        self._refused[number] = number
        reading.ending.refused, reading.following = reading.following, None
        return True

    def may_be_over(self, reading: Reading) -> bool:
        """Whether errors may be all that is behind the last page: no count speaks against it."""
        counted = self.begun and self.frontier.counted is not None
        more = counted if reading.has_more is None else reading.has_more
        return bool(reading.tally.fetched or self.highest) and not more

    def is_foremost(self, reading: Reading) -> bool:
        """Whether the next page of a reading is behind one that did not come either, so that there may be neither: no
        count tells of it."""
        if not self.reads(reading) or self.frontier.counted is not None:
            return False
        return self.frontier.counter.place(reading.following or reading.first)[0] > self.highest + 1

    def behind_item(self, reading: Reading) -> tuple[Request | None, bool]:
        """The request for what is behind an item that cannot be had, None where the links do not count, or all came;
        and whether that item is the last one of a page that was asked for by its number, by a count."""
        after = reading.behind_item()
        if after is None or not self.reads(reading):
            return after, False
        counter = self.frontier.counter
        ends_page = self.frontier.counted is not None and counter.size > 1 and counter.place(after)[1] == 0
        return counter.rest(after), ends_page

    def fail(self, reading: Reading) -> None:
        """Take note of a page that cannot be had: where none came behind it, no more are handed out."""
        partition, end = reading.share.partition, self.frontier.next_page
        failed = partition.first + reading.tally.fetched if isinstance(partition, Pages) else end
        if failed >= self.highest:
            self.frontier.end_at(end)
            self._refused.setdefault(failed, end)

    def behind(self, reading: Reading, request: Request) -> list[Share]:
        """What is behind a page that cannot be had: the rest of its range, or the next page that nobody asks for."""
        frontier, partition = self.frontier, reading.share.partition
        self._refusals += reading is not self._off_count
        if reading is self._off_count or self._refusals > MOST_REFUSED:
            return []
        number = frontier.counter.place(request)[0] + 1
        if isinstance(partition, Pages) and partition.stop is not None and number < partition.stop:
            return [Share(frontier.pages(number, partition.stop))]
        if frontier.next_page > number or (frontier.last is not None and number >= frontier.last):
            return []
        frontier.next_page = number + 1 if frontier.last is None or frontier.workers > 1 else frontier.last
        return [Share(frontier.pages(number, frontier.next_page))]

    def finished(self, reading: Reading, ledger: Ledger, *, last: bool) -> None:
        """Hand out no more pages where one range after another holds nothing new. What cannot be had behind the last
        one is no page, where no count speaks for it. What the count lacks is noted in the `last` one, where the pages
        end as at a result window: with one that is empty, or with Items that came again."""
        partition, ending = reading.share.partition, reading.ending
        if not self.begun or not isinstance(partition, Pages):
            return
        behind = self._last is not None and partition.first >= self._last
        if behind and ending.error and self.frontier.counted is None and not reading.tally.members:
            ending.error = ending.problem = ending.refused = None
        self._in_vain = 0 if reading.tally.items + reading.tally.left_out else self._in_vain + 1
        if self._in_vain >= STALE_PAGES and self.frontier.end is None:
            self.frontier.end_at(self.frontier.next_page)
            reading.ending.shifted = STALE
        lacks = (self.frontier.counted or 0) - ledger.came
        odd = ledger.stats.completeness.duplicates_removed > 0 or not self.frontier.ends_short
        if last and self._claims.by_number and lacks > 0 and odd and not ending.error:
            reading.counted = reading.memory.different + reading.tally.skipped + lacks

    def more(self, idle: int) -> list[Share]:
        """The next ranges of pages, as many as there are idle hands; without a count no more than came so far."""
        if not self.begun:
            return []
        if self.frontier.last is None:
            idle = min(idle, 2 * self._came - self.frontier.next_page)
        taken = [self.frontier.take() for _ in range(idle)]
        once_more = [self.frontier.pages(number, number + 1) for number in self.frontier.again]
        self.frontier.again.clear()
        return [Share(pages) for pages in (*once_more, *taken) if pages is not None]
