"""Pages with fewer members than were asked for, which may lack some: the server cut them, or ended them early."""

from __future__ import annotations

from asyncio import Lock

from stac_manager.api.http import Client
from stac_manager.api.next_links import keeps_collections
from stac_manager.api.ownership import collection_of
from stac_manager.api.paging import LOOKS, Page, by_own_size, page_if_any
from stac_manager.api.requests import Request, limit_of


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
        if self._cut < 0 or page.broken or not 0 < page.size < asked or page.matched == came + page.size:
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
        first = behind.first_member() if behind is not None else None
        return first is not None and first not in page.objects()


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
