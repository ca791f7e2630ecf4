"""How many items to ask for at once: halved where a page cannot be had, grown again, remembered for a while. And which
pages have fewer than that, though they are not the last."""

from __future__ import annotations

from asyncio import Lock
from time import monotonic

from yarl import URL

from stac_manager.api.http import Client
from stac_manager.api.next_links import keeps_collections
from stac_manager.api.ownership import collection_of
from stac_manager.api.paging import LOOKS, Page, by_own_size, page_if_any
from stac_manager.api.requests import Request, limit_of
from stac_manager.api.seen import marked

REMEMBERED_SECONDS = 600.0  # a server that could not make large pages may have been ill, not small
# So many pages of a size come before one twice as large is tried, and twice as many each time that this was in vain.
PAGES_BEFORE_GROWING = 4
BYTES_SMOOTHING = 0.1

_sizes: dict[str, tuple[int, int, float]] = {}


def working(source: str, limit: int) -> tuple[int, int]:
    """The size to ask for, the given one or what was found to work lately, and after how many pages to try more."""
    size, needed, until = _sizes.get(str(URL(source).origin()), (limit, PAGES_BEFORE_GROWING, 0.0))
    return (min(limit, size), needed) if monotonic() < until else (limit, PAGES_BEFORE_GROWING)


def forget() -> None:
    _sizes.clear()


class CutPages:
    """Whether a server cuts pages, and links behind what was asked for. Most do not, which soon shows: they have a
    limit of their own, filter what they have paged, or count wrongly."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cut, self._looking = 0, Lock()  # pages that were cut, less those that only looked so

    def may_have(self, page: Page, limit: int, came: int, *, next_links_seen: bool) -> bool:
        """Whether a page may lack members, and nothing else shows it: it is not the last one, or its count says so
        where none `came` before it, or others were cut before."""
        asked = min(limit, limit_of(page.first) or limit)
        if self._cut < 0 or page.doubt or not 0 < page.size < asked or page.matched == came + page.size:
            return False
        counted = came == 0 and next_links_seen and page.matched is not None and page.matched > page.size
        return page.following is not None or counted or self._cut > 0

    async def uncut(self, request: Request, page: Page) -> Page:
        """Ask for a page by its own size, which is not cut."""
        async with self._looking:
            found = page if self._cut < 0 else await by_own_size(self._client, request, page)
            if found is not page and not self._cut and not await self._goes_on(found):
                found = page  # the last one, though it has a link
            elif found is not page:
                self._cut += 1
            elif page.following is not None or not self._cut:
                self._cut -= 1
        return found

    async def _goes_on(self, page: Page) -> bool:
        """Whether the link of a page leads to others than its own members."""
        assert page.following is not None
        behind = await page_if_any(self._client, page.following, page.first, LOOKS)
        return behind is not None and behind.first_mark() not in (None, *(marked(each)[0] for each in page.objects()))


class EarlyEnds:
    """Whether a server that reads one Collection after another may end a page where one of them ends."""

    def __init__(self) -> None:
        # Seen first on pages without a count; None once links lead from one to another without naming those left.
        self._collections: set[str | None] | None = set()

    def may_have(self, page: Page) -> bool:
        """Whether a page looks like the last one, without a count, of a search with several Collections."""
        if page.matched is not None or page.following is not None or not page.size or self._collections is None:
            return False
        self._collections |= page.collections()
        return len(self._collections) > 1

    def learn(self, page: Page) -> None:
        """Take note of a page with its link."""
        if page.matched is not None or self._collections is None:
            return
        self._collections.add(collection_of(page.first_member()))
        following = page.following if len(self._collections) > 1 else None
        if following is not None and keeps_collections(following, page.first):
            self._collections = None


class PageSize:
    """The size of page that a search asks for `now`, and what pages of this server hold and weigh."""

    def __init__(self, source: str, wanted: int) -> None:
        self._origin = str(URL(source).origin())
        self._wanted = wanted
        self.counting = False  # whether links do, so that a member that cannot be had is passed over
        self.largest = 0  # members of a page with a next link
        self.bytes = 0.0  # of a full page
        self.start_over()
        self.now, self._needed = working(source, wanted)

    def start_over(self, wanted: int | None = None) -> None:
        """Ask for as many as were wanted first, or for so many."""
        self.now = self._wanted = wanted or self._wanted
        self._came, self.helped = 0, False  # pages since the size changed; whether smaller ones had what larger had not
        self._needed = PAGES_BEFORE_GROWING
        self._grew_from: int | None = None

    def grow_again(self, *, surely: bool = False) -> None:
        """Ask for as many as were wanted first, where smaller pages did not help, as no two of this size came."""
        if surely or self._came <= 1:
            self.start_over()

    @property
    def are_reduced(self) -> bool:
        """Whether fewer are asked for than were wanted."""
        return self.now < self._wanted

    def learn(self, size: int, size_bytes: int) -> None:
        """Follow what a page weighs: up at once, down slowly; and take note that it came."""
        full = size_bytes / size * self.now
        self.bytes = max(full, self.bytes + BYTES_SMOOTHING * (full - self.bytes))
        self.came(size)

    def failed(self, size: int) -> None:
        """A page could be had of this size only: others are asked for as small ones for now."""
        if size >= self.now:
            return
        if self._grew_from is not None:
            self._needed *= 2
        self.now, self._came, self._grew_from = max(size, 1), 0, None

    def came(self, size: int) -> None:
        """A full page came."""
        if size < self.now:
            return
        self._grew_from = None
        if self.now == self._wanted:
            return
        self._came += 1
        if self._came == 1 or self._needed > PAGES_BEFORE_GROWING:
            _sizes[self._origin] = self.now, self._needed, monotonic() + REMEMBERED_SECONDS
        if self._came >= self._needed:
            self._grew_from, self._came, self.helped = self.now, 0, True
            self.now = min(2 * self.now, self._wanted)
            if self.now == self._wanted:
                _sizes.pop(self._origin, None)
