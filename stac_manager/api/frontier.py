"""Which pages of a search whose links count are handed out next."""

from __future__ import annotations

from stac_manager.api.planning import LONG_FROM_PAGE
from stac_manager.api.reading import Reading
from stac_manager.api.requests import Counter, numbers_of
from stac_manager.plan import Pages

SHARES_A_WORKER = 8
LAST_AHEAD = 3
"""The last page is read when so many are left a worker: what it is needed for is done beside the others."""


class Frontier:
    """Hands out the pages of a search whose links count, in order but for the last one, a few at a time."""

    def __init__(self, counter: Counter, page_size: int, next_page: int, counted: int | None) -> None:
        self.counter = counter
        self.next_page = next_page  # the first one that was not handed out
        self.end: int | None = None  # the number after that of the last page, once it came; others may still come
        self._page_size = page_size
        self.counted = counted
        self._stop = self.last  # those from here on are handed out

    @property
    def last(self) -> int | None:
        """How many pages there are by the server's count."""
        return None if self.counted is None else -(-self.counted // self._page_size)

    def end_at(self, number: int) -> None:
        """Take note that there is no page of this number."""
        self.end = number if self.end is None else min(self.end, number)

    def take(self, workers: int) -> Pages | None:
        """Hand out the next pages: several where there are many, so that their number stays small."""
        first, stop = self.next_page, self._stop
        if (self.end is not None and first >= self.end) or (stop is not None and first >= stop):
            return None
        if stop is None:
            self.next_page += max(first // (SHARES_A_WORKER * workers), 1)
        elif stop == self.last and stop - first <= LAST_AHEAD * workers:
            self._stop = stop - 1
            return self.pages(stop - 1, stop)
        else:
            self.next_page = min(first + max((stop - first) // (SHARES_A_WORKER * workers), 1), stop)
        return self.pages(first, self.next_page)

    def pages(self, first: int, stop: int) -> Pages:
        """A range of pages."""
        counter = self.counter
        return Pages(first, stop, self._page_size, counter.parameter, counter.step, counter.origin)


def look_at(reading: Reading) -> int:
    """After which page of a sequential search to look for another way: the first two may show that its links count."""
    if reading.counted is None:
        return LONG_FROM_PAGE
    return 2 if reading.following is not None and numbers_of(reading.following) else 1
