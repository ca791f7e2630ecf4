"""The pages of one search: which size of page works, what they weigh, which is the last, and which links go astray."""

from __future__ import annotations

from stac_manager.api.forms import REFUSED_PAGE
from stac_manager.api.http import Client
from stac_manager.api.next_links import at_search, with_conditions
from stac_manager.api.page_sizes import CutPages, EarlyEnds, PageSize
from stac_manager.api.paging import DOUBTS, OneItemError, Page, PageSizeError, fetch_page, look_at_one, make_sure
from stac_manager.api.reading import APART, LAPSED, Reading
from stac_manager.api.requests import (
    LARGE_PAGE,
    Request,
    is_behind,
    limit_of,
    numbers_of,
    one_back,
    with_limit,
    with_page_of,
)
from stac_manager.exceptions import DataProcessingError
from stac_manager.network.bodies import RefusedBodyError
from stac_manager.plan import Pages

MOST_ERRORS = 20  # so many pages in a row that cannot be had are the end of a search
MOST_ERRORS_AROUND = 200  # and so many, if they are no bombs, while it is cut around some: in the end those are left
MOST_FORBIDDEN = 1  # and so many for which the server answers 403, again and again
BUFFER_BYTES = 28_000_000  # what all pages take at most, in flight or waiting for the consumer, whatever the level
TRIES = 2
"""How often a page is asked for at another address, or in another form, than its link says, or while a search is cut
around one that cannot be had."""


class Fetcher:
    """Fetches pages, and learns what those of this server are like."""

    def __init__(self, client: Client, source: str, page_size: int) -> None:
        self.client = client
        self.sizes = PageSize(source, page_size)
        self._cut_pages, self._early_ends = CutPages(client), EarlyEnds()
        self.next_links_seen = False
        self.follower = Follower(client)
        self.given: Page | None = None  # the first page of a search read in sequence, where it is there already
        self.any_came = False
        self._errors_in_a_row = 0

    @property
    def page_size(self) -> int:
        """How many items to ask for."""
        return self.sizes.now

    async def fetch(self, reading: Reading, *, enough: int | None = None, attempts: int | None = None) -> Page | None:
        """Fetch the next page of a reading; None where it has to begin anew with smaller ones, or has ended meanwhile.
        With `enough` items it is no matter whether more follow; with `attempts` it is asked for so often, and no
        smaller one."""
        if not isinstance(reading.share.partition, Pages):
            self.follower.search = reading.first
        page, self.given = self.given, None
        if page is not None:
            self.came()
            return page
        if (request := reading.following) is None:
            return None
        if reading.ending.off_count or not isinstance(reading.share.partition, Pages):
            request = self._sized(reading, request)
        asked = limit_of(request) or limit_of(reading.first)
        behind = reading.memory.unnamed or (reading.share.failing and not reading.tally.fetched)
        if behind and attempts is None:
            one = with_limit(request, 1) or with_page_of(request, 1, reading.place) or request
            await look_at_one(self.client, one)
        try:
            sent, page = await self.follower.follow(request, reading, attempts, narrowed=self.sizes.are_reduced)
        except PageSizeError as error:
            if not self._resize(reading, request, error.limit):
                raise
            return None
        self.came()
        works = limit_of(reading.first)
        if asked is not None and works is not None and works < asked:
            self.sizes.failed(works)
        part = reading.share.partition
        overlaps = numbers_of(sent) != numbers_of(request)
        came = reading.tally.members - overlaps
        if not isinstance(part, Pages):
            page = await self.make_sure(sent, page, enough, came)
            reading.first = page.first
        elif page.size < part.page_size and (page.following is not None or self._early_ends.may_have(page)):
            page = await self.make_sure(sent, page, enough, came)
        self.learn(page)
        self.follower.take_off(page, reading, overlaps=overlaps)
        return page

    def _resize(self, reading: Reading, request: Request, limit: int) -> bool:
        """Go on with smaller pages where a link counts pages, else begin anew with them; tell whether either can be
        asked for: not where it begins within the search, and only this size fits."""
        smaller = with_page_of(request, limit, reading.place)
        first = with_limit(reading.first, min(limit, self.page_size))
        if smaller is not None:
            limit = limit_of(smaller) or limit
            reading.following, reading.first = smaller, with_limit(reading.first, limit) or reading.first
        elif first is None or first == reading.first:
            return False
        else:
            reading.begin_anew(first)
        self.sizes.failed(limit)
        return True

    def _sized(self, reading: Reading, request: Request) -> Request:
        """Ask a request for pages of the size that works now: fewer items at the beginning of a reading, more again
        where its pages had been made smaller than the others."""
        first = limit_of(reading.first) or self.page_size
        if request is reading.first and first > self.page_size:
            request = reading.first = with_limit(request, self.page_size) or request
        elif first < self.page_size and limit_of(request) == first and not reading.memory.unnamed:
            size = self.page_size
            larger = with_limit(request, size) or with_page_of(request, size, reading.tally.members) or request
            larger_first = with_limit(reading.first, limit_of(larger) or size)
            if larger_first is not None:
                request, reading.first = larger, larger_first
        return request

    def came(self) -> None:
        """Take note that a page could be had."""
        self.any_came, self._errors_in_a_row = True, 0

    def bears(self, error: DataProcessingError, reading: Reading, apart: bool) -> bool:
        """Tell whether a search can go on after a page that could not be had: not before the first one came, and not
        where one after another fails, unless it is cut around such pages; `apart` where others are searched for by
        themselves. A link that was good for a while only is no fault of its page: so may be a 403 in the middle."""
        if not (self.any_came or apart):
            return False
        if not reading.memory.unnamed:  # else it is passed over one by one, which the reading limits itself
            self._errors_in_a_row += 1
        self.sizes.grow_again(surely=isinstance(error, OneItemError))
        forbidden = error.status == 403 and not (apart or reading.tally.fetched)
        lapsed = error.status in LAPSED and reading.tally.fetched > 0
        around = reading.share.failing or lapsed or (apart and 400 <= error.status < 500)
        around = around and not isinstance(error, RefusedBodyError)
        most = MOST_FORBIDDEN if forbidden else MOST_ERRORS_AROUND if around else MOST_ERRORS
        return self._errors_in_a_row <= most

    async def make_sure(self, request: Request, page: Page, enough: int | None = None, came: int = 0) -> Page:
        """Look twice at a page that may not have all of its members, or without a next link, where no count tells
        whether it is the last, after so many members of its search."""
        self.next_links_seen |= page.following is not None
        if (enough is not None and page.size >= enough) or page.matched == came + page.size:
            return page
        limit = limit_of(request) or limit_of(page.first) or self.page_size
        largest, seen = self.sizes.largest, self.next_links_seen
        full = min(limit, largest or limit)
        several = page.size < limit and self._early_ends.may_have(page)
        if not several and self._cut_pages.may_have(page, limit, came, next_links_seen=seen):
            found = await self._cut_pages.uncut(request, page)
        elif page.matched is None and page.size < min(full, largest) and not several:
            return page  # larger ones came, so that no more are left
        else:
            found = await make_sure(self.client, request, page, full=full, next_links_seen=seen, several=several)
        if found is not page and self.sizes.largest <= found.size == page.size:  # however many are asked for
            self.sizes.start_over(found.size)
            self.next_links_seen = True
        elif found.first is not page.first and page.size < limit:
            self.sizes.failed(found.size)
        return found

    def learn(self, page: Page) -> None:
        """Follow what a full page holds and weighs."""
        sizes = self.sizes
        sizes.counting |= page.counting
        if page.following is not None or page.doubt in DOUBTS:
            sizes.largest = max(sizes.largest, page.size)
        page.full &= page.size >= min(sizes.now, sizes.largest or sizes.now)
        self._early_ends.learn(page)
        if page.size:
            sizes.learn(page.size, page.size_bytes)


class Follower:
    """Follows links, and learns what is wrong with those of this server."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loses: bool | None = None  # whether links lose conditions, without which the page is another one
        self._astray: set[str] = set()  # addresses of links, instead of which that of the search works
        self._counted: int | None = None  # by the latest page with a count
        self.search: Request | None = None  # the first one of what was read by its links last
        self.outlines = True  # whether pages may be parsed item by item; not where that went wrong
        self.overlaps: bool | None = None  # whether pages may begin with the last Item of the page before them

    async def fetch(self, request: Request, reading: Reading, attempts: int | None, *, narrowed: bool) -> Page:
        """Fetch a page of a reading, as `fetch_page` does; its first request then asks for the size that works."""
        if self._loses:
            request = with_conditions(request, reading.first) or request
        page = await self._fetch(request, reading.first, attempts, narrowed)
        reading.first = page.first
        for _ in range(TRIES):  # a page without its count, or that takes it back, may be none
            takes_back = page.matched == 0 < (reading.counted or 0)
            is_none = page.size == 0 and page.following is None and (page.matched is None or takes_back)
            if not is_none or (self._counted is None and not takes_back):
                break
            page = await self._try(request, reading.first) or page
        self._counted = self._counted if page.matched is None else page.matched
        if self._loses is None and page.matched != reading.counted:
            page = await self._with_conditions(request, reading, page)
        return page

    async def follow(
        self, request: Request, reading: Reading, attempts: int | None, *, narrowed: bool
    ) -> tuple[Request, Page]:
        """Fetch a page of a reading, as large as ever, that begins with the Item before it where all such pages could
        be had; give what was sent, too. A server that makes no such page is asked for no more of them."""
        part, limit = reading.share.partition, limit_of(request) or 1
        came = reading.place + isinstance(part, Pages)
        sent = None if narrowed or reading.share.failing else self._one_back(request, reading, came)
        if sent is not None:
            try:
                page = await self.fetch(sent, reading, attempts, narrowed=narrowed)
                rounded = self.overlaps is None and page.first_mark() == reading.memory.circles.began
                ahead = page.following is None or is_behind(page.following, request)
                if page.size and ahead and not rounded:
                    self.overlaps = True
                    return sent, page
            except DataProcessingError as error:
                if error.status not in REFUSED_PAGE and not isinstance(error, OneItemError):
                    raise
                left = (self._counted or 0) - came
                if self.overlaps and left > 0:  # it may be the last one, of which not so many can be asked for
                    limit = min(limit, left)
            self.overlaps = self.overlaps or False
            request = with_limit(request, min(limit, limit_of(reading.first) or limit)) or request
        return request, await self.fetch(request, reading, attempts, narrowed=narrowed)

    def _one_back(self, request: Request, reading: Reading, came: int) -> Request | None:
        """The request for a page from the Item before it on, behind `came` others, where its number counts Items and
        pages are large: what came or went shows by that. Without a count nothing is proved by it."""
        part, pages = reading.share.partition, reading.tally.fetched
        if self.overlaps is False or reading.memory.unnamed:
            return None
        if isinstance(part, Pages):
            return one_back(request, came, (part.origin - 1,)) if self.overlaps else None
        lacks = reading.counted is not None and reading.counted > came >= (LARGE_PAGE - 1) * pages
        return one_back(request, came) if lacks else None

    def take_off(self, page: Page, reading: Reading, *, overlaps: bool) -> None:
        """Leave out of a page what was asked for beside it."""
        page.overlaps = overlaps and page.size > 0
        if self.overlaps is None and page.counting:
            reading.memory.circles.began = page.first_mark()
        if overlaps and not page.overlaps:
            reading.ending.shifted = APART

    async def _fetch(self, request: Request, first: Request, attempts: int | None, narrowed: bool) -> Page:
        """Fetch a page, at the address of the search where its link leads nowhere."""
        search, place = self.search or first, request.url.partition("?")[0]
        otherwise = at_search(request, search)
        otherwise = otherwise and (with_conditions(otherwise, search) or otherwise)
        if otherwise is not None and place in self._astray:
            request, otherwise = otherwise, None
        try:
            return await fetch_page(
                self._client, request, first, outline=self.outlines, attempts=attempts, narrowed=narrowed
            )
        except PageSizeError:
            raise
        except DataProcessingError:
            if otherwise is None:
                raise
            found = await self._try(otherwise, first)
            if found is None or found.following == request:  # the first page again, say
                raise
            self._astray.add(place)
            return found

    async def _try(self, request: Request, first: Request) -> Page | None:
        """Fetch a page that may not be there."""
        try:
            return await fetch_page(self._client, request, first, outline=self.outlines, attempts=TRIES)
        except DataProcessingError:
            return None

    async def _with_conditions(self, request: Request, reading: Reading, page: Page) -> Page:
        """Look whether a page counts something else than the one before because its link has lost a condition."""
        whole = with_conditions(request, reading.first)
        if whole is None or reading.counted is None or page.matched is None:
            return page
        found = await self._try(whole, reading.first)
        self._loses = found is not None and found.matched == reading.counted
        return found if found is not None and self._loses else page
