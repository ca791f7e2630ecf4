"""One slice -> its pages, by the `next` links of the STAC API specification (item-search, paging)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from yarl import URL

from stac_manager.api.features import DamagedPageError, Outline
from stac_manager.api.http import Answer, Client
from stac_manager.api.next_links import LinkError, next_request
from stac_manager.api.ownership import collection_of
from stac_manager.api.requests import Request, as_query, limit_of, numbers_of, page_after, with_limit
from stac_manager.api.seen import marked
from stac_manager.exceptions import DataProcessingError, StatusError
from stac_manager.network.retrying import ATTEMPTS_BEFORE_SMALLER, TOO_LARGE, TooLargeError
from stac_manager.network.secrets import redacted
from stac_manager.urls import shown

LOOKS = 2  # how often a page is asked for that is only looked at
LOOKS_AT_ONE = 4  # and for an item that would be given up, if the server's faults pass
SMALLER_PAGES = 4  # so many smaller pages in a row are asked for where one ended early
LOOKED_AT_BYTES = 2_000_000  # so much of a page is parsed to see what its items are like
NO_NEXT = "a full page has no next link: there may be more"
UNBELIEVABLE = 10**10  # no search finds so many: the largest catalogs there are hold a tenth of it
OLDER_COUNTS = (("context", "matched"), ("search:metadata", "matched"), ("meta", "found"))
"""Where STAC API 1.0.0-beta and 0.8, and sat-api say how many items match."""
NO_NEXT_LINKS = "the server gives no next links: there may be more"
DOUBTS = (NO_NEXT, NO_NEXT_LINKS)


@dataclass(slots=True)
class Page:
    """One answer to a search."""

    url: str  # fit for messages
    size_bytes: int
    matched: int | None  # the server's number of items of the whole slice
    following: Request | None  # for the page after it
    first: Request  # for the first page, of pages of this size: later ones are built from it
    members: Outline | list[Any]  # the document, where they are not parsed yet
    doubt: str | None = None  # why its `next` link cannot be followed, or why it may not be the last page without one
    full: bool = True  # whether it is as large as this server's pages get, and not known to be the last one
    asked: Request | None = None  # how it was asked for
    overlaps: bool = False  # whether its first member, which is counted no more, is the last of the page before it

    @property
    def size(self) -> int:
        """How many members it has, as far as is known before they are parsed."""
        return (len(self.members) if isinstance(self.members, list) else self.members.count) - self.overlaps

    @property
    def counting(self) -> bool:
        """Whether its next link counts, so that items which come or go move the pages after it."""
        return self.following is not None and bool(numbers_of(self.following))

    def collections(self) -> set[str | None]:
        """Give the Collections of its members."""
        return set(map(collection_of, self.objects()))

    def features(self) -> Iterator[Any]:
        """Give the members, not yet checked, for who looks at them, as far as none is large: a page may turn out to be
        damaged by that."""
        members = iter(self.members) if isinstance(self.members, list) else self.members.features()
        if self.overlaps:
            next(members, None)
        return members

    def in_turns(self, loads: Callable[[Any], Any] | None = None) -> Iterator[Any]:
        """Give all of them, each parsed by `loads` where it is not parsed yet, with a `Pause` within large ones; the
        last member of the page before, too, if it begins with that."""
        return iter(self.members) if isinstance(self.members, list) else self.members.in_turns(loads or orjson.loads)

    def first_member(self) -> Any:
        """Give the first member, None where there is none to be read."""
        try:
            return next(self.features(), None)
        except DamagedPageError:
            return None

    def first_mark(self) -> int | None:
        """What is remembered of it: members may be nested deeper than they can be compared."""
        first = self.first_member()
        return None if first is None else marked(first)[0]

    def objects(self) -> list[dict[str, Any]]:
        """Give the members that are JSON objects, the first ones of a large page; none where they cannot be read."""
        try:
            return list(self.objects_one_by_one())
        except DamagedPageError:
            return []

    def objects_one_by_one(self) -> Iterator[dict[str, Any]]:
        """Give the same, for who need not hold them all; a page may turn out to be damaged by that."""
        most = max(self.size * LOOKED_AT_BYTES // max(self.size_bytes, LOOKED_AT_BYTES), 1)
        return (member for member in islice(self.features(), most) if isinstance(member, dict))


class PageSizeError(DataProcessingError):
    """The server makes smaller pages only, and this link cannot be asked for one: begin again with this `limit`."""

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class OneItemError(StatusError):
    """A page that cannot be had, though it would hold one item only, the first of those that were asked for."""


async def fetch_page(
    client: Client,
    request: Request,
    first: Request,
    *,
    outline: bool = False,
    attempts: int | None = None,
    narrowed: bool = False,
) -> Page:
    """Fetch one page, a smaller one where the server cannot make it that large. With `attempts` it is asked for so
    often, and no smaller one; `narrowed` if larger ones could not be had already. A server that refuses POST on its own
    `next` link is asked again with GET.

    Raises:
        PageSizeError: If a smaller page may work, but not from this link.
        OneItemError: If not even the smallest page can be had.
    """
    is_first = request is first
    limit, once = limit_of(request) or limit_of(first), 0  # a smaller page is asked for once, with what it fails of
    while True:
        try:
            shrinkable = once or ATTEMPTS_BEFORE_SMALLER if limit is not None and limit > 1 and attempts is None else 0
            tries = looks_at_one(client) if narrowed and limit == 1 else attempts
            answer = await client.send(request, attempts=tries, shrinkable=shrinkable, outline=outline, full=limit)
            page = page_of(answer, first)
            page.doubt = page.doubt and redacted(client.wire.credentials.hidden, page.doubt)
            if page.following == request and not is_first:  # as the token of the last page goes no further (CMR)
                page.following = None
            return page
        except TooLargeError as error:
            limit = (limit or 2) // 2
            smaller, smaller_first = with_limit(request, limit), with_limit(first, limit)
            if smaller is None or smaller_first is None:
                raise PageSizeError(str(error), limit) from error
            request, first, narrowed, once = (smaller_first if is_first else smaller), smaller_first, True, 1
        except DataProcessingError as error:
            if limit == 1 and error.status in (0, *TOO_LARGE):
                if narrowed and not await client.is_there():  # it may be no fault of the item
                    narrowed = False
                    continue
                raise OneItemError(str(error), error.status) from error
            if error.status != 405 or request.method != "POST" or is_first:
                raise
            url = URL(request.url, encoded=True)
            said = {} if url.raw_query_string else request.body or {}
            url = url.extend_query({name: as_query(value) for name, value in said.items()})
            request = Request("GET", str(url), headers=request.headers)


def looks_at_one(client: Client) -> int:
    """How often an item is asked for that larger pages could not be had with: what is wrong with it does not pass."""
    return LOOKS_AT_ONE if client.faults_pass else LOOKS


async def look_at_one(client: Client, request: Request) -> None:
    """Look whether an item can be had, where some page cannot: the server may answer nothing else either.

    Raises:
        OneItemError: If it cannot be had.
    """
    try:
        await client.send(request, attempts=looks_at_one(client))
    except DataProcessingError as error:
        if error.status in (0, *TOO_LARGE) and await client.is_there():
            raise OneItemError(str(error), error.status) from error


async def make_sure(
    client: Client, request: Request, page: Page, *, full: int, next_links_seen: bool, several: bool = False
) -> Page:
    """Look twice at a page without a `next` link that no count says to be the last one: is it? A page that
    is `full` is asked for again, one item smaller: that must give a link, or the server just gives none. A shorter one
    may be as large as the server's pages get: where no link was seen yet, it is asked for by its own size, as some give
    no links to who asks for more, and then one item. With a count the first of it is enough. The page to go on with is
    the given one, with a `doubt` where there is one, or the smaller one with its link."""
    if page.following is not None or page.size == 0 or page.doubt is not None:
        return page
    if page.matched is not None and (page.matched <= page.size or next_links_seen != (page.size >= full)):
        return page
    if several:
        return await _smaller(client, request, page)
    if page.size < full:
        return page if next_links_seen or page.size == 1 else await _shorter(client, request, page)
    if page.size > (limit_of(request) or page.size):  # `limit` is ignored: all there is comes on one page
        return page
    size = page.size - 1 or 2
    again = await _resized(client, request, page.first, size)
    if again is None and (after := page_after(request)) is not None:
        beyond = await page_if_any(client, after, page.first, LOOKS)
        page.following = after if beyond is not None and beyond.size else None
        if beyond is not None:
            return page
    if again is not None and again.size == page.size and next_links_seen:  # all pages are of this size
        return page
    if again is not None and again.following is not None:
        behind = await page_if_any(client, again.following, again.first, LOOKS)
        if behind is not None and behind.first_mark() != again.first_mark():
            page.full = behind.following is not None or behind.size > page.size - again.size
            return again if page.full else page
    page.doubt = NO_NEXT
    return page


async def by_own_size(client: Client, request: Request, page: Page) -> Page:
    """The same page asked for by its own size, where that has a link to another page, and as many members: one that
    was filtered once it was paged has fewer."""
    same = await _resized(client, request, page.first, page.size)
    if same is None or same.following is None or page.following is None:
        return page if same is None or same.following is None else same
    links = [with_limit(link, page.size) or link for link in (page.following, same.following)]
    return same if links[0] != links[1] and same.size == page.size else page


async def _shorter(client: Client, request: Request, page: Page) -> Page:
    same = await by_own_size(client, request, page)
    if same is not page:
        return same
    one = await _resized(client, request, page.first, 1) if page.matched is None else None
    if page.matched is not None or (one is not None and one.size == 1 and one.following is None):
        page.doubt = NO_NEXT_LINKS
    return page


async def _smaller(client: Client, request: Request, page: Page) -> Page:
    """Ask for a page that may have ended early by its own size: it is smaller still then, or has a link
    (stac-fastapi-geoparquet compares all items of a page with what the last Collection may add to them)."""
    found, limit = page, limit_of(request)
    for _ in range(SMALLER_PAGES):
        same = await _resized(client, request, page.first, found.size)
        if same is None or not same.size:
            break
        if same.following is not None:
            larger = with_limit(same.following, limit) if limit else None
            if larger is not None:
                same.following, same.first = larger, page.first
            return same
        if same.size >= found.size:
            break
        found = same
    page.doubt = NO_NEXT_LINKS if found is not page else None
    return page


async def _resized(client: Client, request: Request, first: Request, limit: int) -> Page | None:
    """The same page of another size, as are those after it: a link that is merged says nothing of its size."""
    smaller = with_limit(request, limit)
    return None if smaller is None else await page_if_any(client, smaller, with_limit(first, limit) or first, LOOKS)


async def page_if_any(client: Client, request: Request, first: Request, attempts: int) -> Page | None:
    """Fetch a page that can be done without; None where it cannot be had."""
    try:
        return page_of(await client.send(request, attempts=attempts), first)
    except DataProcessingError:
        return None


def page_of(answer: Answer, first: Request) -> Page:
    """Read an answer as a page of items."""
    document = answer.document
    features = document.get("features") if answer.outline is None else answer.outline
    if features is None and document.get("type") == "FeatureCollection":
        features = []  # as servers in Go write an empty list
    matched = matched_of(document)
    if document.get("type") == "Feature":  # an item that was asked for by its id
        features, matched = [document], 1
    if not isinstance(features, list | Outline):
        raise DataProcessingError(f"{shown(answer.url)}: the answer is not an item collection: it has no 'features'")
    following, doubt = None, None
    try:
        following = next_request(answer, first)
    except LinkError as error:  # the items are there all the same
        doubt = str(error)
    return Page(shown(answer.url), answer.size_bytes, matched, following, first, features, doubt)


def matched_of(document: Mapping[str, Any]) -> int | None:
    """The number of items that a search matches: `numberMatched`, or what older servers call it."""
    older = [document[place].get(name) for place, name in OLDER_COUNTS if isinstance(document.get(place), dict)]
    for matched in (document.get("numberMatched"), *older):
        if isinstance(matched, float | str) and (digits := str(matched).removesuffix(".0")).isdecimal():
            matched = int(digits[:20])
        if type(matched) is int and 0 <= matched < UNBELIEVABLE:
            return matched
    return None
