"""Pages by the links of a server, of which some go astray: to another address, or without a condition of the search."""

from __future__ import annotations

from stac_manager.api.http import Client
from stac_manager.api.next_links import at_search, with_conditions
from stac_manager.api.paging import Page, PageSizeError, fetch_page
from stac_manager.api.reading import Reading
from stac_manager.api.requests import Request
from stac_manager.api.retrying import SearchEndsError
from stac_manager.exceptions import DataProcessingError

TRIES = 2
"""How often a page is asked for at another address, or in another form, than its link says."""


class Follower:
    """Follows links, and learns what is wrong with those of this server.

    Attributes:
        outlines: Whether pages may be parsed item by item; not where that went wrong.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loses: bool | None = None  # whether links lose conditions, without which the page is another one
        self._astray: set[str] = set()  # addresses of links, instead of which that of the search works
        self._counts = False  # whether pages have counts
        self.outlines = True

    async def fetch(self, request: Request, reading: Reading, attempts: int | None) -> Page:
        """Fetch a page of a reading; its first request is then one for pages of the size that works.

        Raises:
            PageSizeError: If a smaller page may work, but not from this link.
            DataProcessingError: If the server refuses, or answers something else than items.
        """
        if self._loses:
            request = with_conditions(request, reading.first) or request
        page, reading.first = await self._fetch(request, reading.first, attempts)
        self._counts |= page.matched is not None
        for _ in range(TRIES):
            if not self._counts or page.matched is not None or page.size or page.following is not None:
                break
            again = await self._try(request, reading.first)  # a page without its count may be none
            page = again[0] if again is not None else page
        if self._loses is None and page.matched != reading.counted:
            page = await self._with_conditions(request, reading, page)
        return page

    async def _fetch(self, request: Request, first: Request, attempts: int | None) -> tuple[Page, Request]:
        """Fetch a page, at the address of the search where its link leads nowhere."""
        otherwise, place = at_search(request, first), request.url.partition("?")[0]
        if otherwise is not None and place in self._astray:
            request, otherwise = otherwise, None
        try:
            return await fetch_page(self._client, request, first, outline=self.outlines, attempts=attempts)
        except (PageSizeError, SearchEndsError):
            raise
        except DataProcessingError:
            if otherwise is None:
                raise
            found = await self._try(otherwise, first)
            if found is None or found[0].following == request:  # the first page again, say
                raise
            self._astray.add(place)
            return found

    async def _try(self, request: Request, first: Request) -> tuple[Page, Request] | None:
        """Fetch a page that may not be there."""
        try:
            return await fetch_page(self._client, request, first, outline=self.outlines, attempts=TRIES)
        except SearchEndsError:
            raise
        except DataProcessingError:
            return None

    async def _with_conditions(self, request: Request, reading: Reading, page: Page) -> Page:
        """Look whether a page counts something else than the one before because its link has lost a condition."""
        whole = with_conditions(request, reading.first)
        if whole is None or reading.counted is None or page.matched is None:
            return page
        found = await self._try(whole, reading.first)
        self._loses = found is not None and found[0].matched == reading.counted
        return found[0] if found is not None and self._loses else page
