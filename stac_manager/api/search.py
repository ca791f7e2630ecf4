"""One search of a STAC API -> its items, a page at a time, and the proof that none is missing.

A search is cut into slices of time (`slicing`), the pages of several slices are requested at once, and what came is
compared with what the server counted. Where that does not work, it is read one page after another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import ceil, inf
from time import perf_counter, time
from typing import Any

from stac_manager.api.http import Client, Request, shown
from stac_manager.api.paging import Page, PageSizeError, fetch_page, identity_of, limit_of, with_limit
from stac_manager.api.planning import Endpoint, Survey, body_of, find_search, null_datetime_request, survey
from stac_manager.api.slicing import (
    YEAR_SECONDS,
    Bounds,
    Density,
    Memory,
    Slice,
    key_of,
    parse_instant,
    stretch,
    times_of,
)
from stac_manager.concurrency import Limiter, limiter
from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.protocols import Item
from stac_manager.stats import ApiStats, SliceAudit

# Pages that wait for the consumer, beside those in flight.
PAGES_WAITING = 4
# A slice remembers its own items up to this number, so that it can be read again or cut while it is read.
ITEMS_REMEMBERED = 5_000
PAGES_A_SLICE = 40
# Ordered: small slices, so that what is read ahead is what comes next.
PAGES_A_SLICE_ORDERED = 3
# A slice is cut once it holds so much more than it should.
OVERSIZE = 1.3
# Blind: slices for each worker.
BLIND_SLICES = 4
REPAIR_DEPTH = 2
REPAIRS = 500

LOOP = "the server's next link leads back to a page already read"
REPEAT = "the server repeats a page"
NO_NEXT = "a full page has no next link"


async def search(
    config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: ApiStats
) -> AsyncGenerator[list[Item], None]:
    """Search the API at `config.source` and yield the items of each page.

    Raises:
        DataProcessingError: If the server cannot be reached, refuses, or answers nonsense.
    """
    level = limiter(config.concurrency)
    stats.concurrency = level.level
    body = body_of(config, collection_id)
    async with Client(config.source, config.headers, stats, level) as client:
        run = _Search(client, config, failures, stats, level)
        try:
            reason = _why_sequential(config)
            if reason is not None:
                if reason:
                    stats.notes.append(reason)
                endpoint = await find_search(client, config.source)
                run.read_in_sequence(endpoint.request(body))
            else:
                await run.plan(await survey(client, config, body, at_once=level.level), body)
            while (items := await run.next_items()) is not None:
                if items:
                    yield items
                run.page_taken()
        finally:
            await run.close()


def _why_sequential(config: IngestConfig) -> str | None:
    """Why a search is not split, known before anything is asked: empty where no words are needed, None if it is."""
    if config.concurrency == 1 or (config.max_items or config.limit + 1) <= config.limit:
        return ""
    if config.ids is not None:
        return "One request after another: a search for ids is not split."
    if not Bounds.parse(config.datetime).splittable:
        return "One request after another: a search in less than four seconds is not split."
    return None


@dataclass(slots=True, eq=False)
class _Cursor:
    """How far the reading of a slice has come."""

    piece: Slice
    first: Request
    following: Request | None
    audit: SliceAudit
    counted: int | None = None
    fetched_pages: int = 0
    fetched_items: int = 0
    invalid: int = 0
    processed: int = 0
    last_page_was_full: bool = False
    ended: bool = False
    dropped: bool = False
    problem: str | None = None
    ids: set[int] | None = field(default_factory=set)
    previous: frozenset[str] = frozenset()
    pages_seen: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    waiting: int = 0
    in_flight: bool = False
    pages: deque[Page] = field(default_factory=deque)
    complement: bool = False

    def pages_left(self, page_size: int) -> float:
        """How many pages are still to be fetched; without a count, as many as were."""
        if self.ended:
            return 0
        if self.counted is not None and self.fetched_pages:
            return max(self.counted - self.fetched_items, 1) / page_size
        return max(self.fetched_pages, self.piece.estimate / page_size)


class _Search:
    """One search under way. Its requests are tasks that `close` ends."""

    def __init__(
        self, client: Client, config: IngestConfig, failures: FailureCollector, stats: ApiStats, level: Limiter
    ) -> None:
        self._client = client
        self._failures = failures
        self._stats = stats
        self._limiter = level
        self._left = config.max_items
        self._ordered = config.ordered
        self._bounds = Bounds.parse(config.datetime)
        self._memory = Memory()
        self._page_size = config.limit
        self._largest_page = 0
        self._sequential = False
        self._body: dict[str, Any] = {}
        self._endpoint: Endpoint | None = None
        self._density = Density.even(0, 1, 0)
        self._target = inf
        self._newest: tuple[float, float] | None = None
        self._order_name: str | None = None
        self._last_key: float | None = None
        self._repairs = 0
        self._invalid = 0
        self._outlines = True
        self._whole: Request | None = None

        self._tasks: set[asyncio.Task[None]] = set()
        self._ready: list[_Cursor] = []
        self._active: set[_Cursor] = set()
        self._arrived: deque[tuple[_Cursor, Page]] = deque()
        self._order: deque[_Cursor] = deque()
        self._held = 0
        self._event = asyncio.Event()
        self._error: BaseException | None = None
        self._deferred: dict[str, Item] = {}

    # --- Planning -----------------------------------------------------------------------------------------------

    def read_in_sequence(self, first: Request, page: Page | None = None) -> None:
        """Read the whole search page by page."""
        self._sequential = True
        self._add([self._bounds.whole], first=first)
        if page is not None:
            self._accept_first(self._ready.pop(), page)
        self._pump()

    def _accept_first(self, cursor: _Cursor, page: Page) -> None:
        self._held += 1
        cursor.in_flight = True
        self._accept(cursor, page)

    async def plan(self, known: Survey, body: dict[str, Any]) -> None:
        """Cut the search into slices, or say why not."""
        page = known.page
        self._body, self._endpoint, self._whole = body, known.endpoint, known.first
        self._page_size = limit_of(known.first) or self._page_size
        self._largest_page = page.size
        total = self._stats.completeness.counted = page.matched
        structural = page.following is None and total is not None and total > page.size
        if not page.size or (page.following is None and not structural and not self._looks_cut_off(page)):
            return self.read_in_sequence(known.first, page)
        times = [times_of(item) for item in page.features or () if isinstance(item, dict)]
        self._newest = next((pair for pair in times if pair is not None), None)
        if self._ordered and not self._find_order(page):
            self._stats.notes.append("One request after another: the server's order is not the newest first.")
            return self.read_in_sequence(known.first, page)
        complement = None
        if self._bounds.low is self._bounds.high is None and (total is None or known.reachable != total):
            complement = await null_datetime_request(self._client, known.endpoint, body)
            if complement is None:
                self._stats.notes.append(
                    "One request after another: items without a datetime may be lost in a split search, and the "
                    "server offers no filter to find them. A search with a datetime is split."
                )
                return self.read_in_sequence(known.first, page)
            if self._ordered:
                self._stats.notes.append("Items without a datetime come last, whatever the server's order.")
        self._density = self._expected(known, [pair for pair in times if pair is not None])
        whole = self._bounds.whole
        low, high = stretch(whole, self._bounds, self._density)
        workers = self._limiter.planned
        if total is None:
            parts = BLIND_SLICES * workers if page.following else BLIND_SLICES
        else:
            pages_in_all = total / self._largest_page
            each = PAGES_A_SLICE_ORDERED if self._ordered else min(pages_in_all / workers, PAGES_A_SLICE)
            # Slices of a page or two should rather hold a bit less than a page than a bit more.
            each = each if each > 2 else max(each, 0.85)
            parts = ceil(pages_in_all / each)
            self._target = total / parts
        edges = self._density.edges(low, high, parts)
        if not edges:
            self._stats.notes.append("One request after another: the items are too close in time to be split.")
            return self.read_in_sequence(known.first, page)
        self._memory.everything = True
        pieces = whole.cut(edges, frozenset(), 0)
        for piece in pieces:
            piece.estimate = self._density.weight(*stretch(piece, self._bounds, self._density))
        self._add(pieces)
        if complement is not None:
            cursor = self._add([Slice(None, None, "..", "..")], first=complement)[0]
            cursor.complement = True
        self._pump()
        return None

    def _looks_cut_off(self, page: Page) -> bool:
        return page.matched is None and page.following is None and page.size >= self._page_size

    def _find_order(self, page: Page) -> bool:
        """Find what the server sorts by, newest first."""
        for name in ("datetime", "start_datetime"):
            keys = [self._order_key(item, name) for item in page.features or () if isinstance(item, dict)]
            known = [key for key in keys if key is not None]
            # A page of one item, or of one instant, tells nothing about the order.
            if len(known) == len(keys) and known[0] > known[-1] and all(a >= b for a, b in pairwise(known)):
                self._order_name = name
                return True
        return False

    @staticmethod
    def _order_key(item: Item, name: str | None) -> float | None:
        properties = item.get("properties") or {}
        if name == "start_datetime" and properties.get("end_datetime") and properties.get("start_datetime"):
            return parse_instant(properties["start_datetime"])
        return parse_instant(properties.get("datetime"))

    def _expected(self, known: Survey, times: list[tuple[float, float]]) -> Density:
        """Put together what is known about the times of the items, before the first slice is read."""
        total = float(self._stats.completeness.counted or 1_000)
        if known.histogram is not None:
            return known.histogram
        low, high = known.extent
        if high is None:
            high = max((latest for _, latest in times), default=time()) + 1
        if low is None:
            low = min((earliest for earliest, _ in times), default=high) - YEAR_SECONDS
        low = low if self._bounds.low is None else max(low, self._bounds.low)
        high = high if self._bounds.high is None else min(high, self._bounds.high)
        if low >= high:  # the Collections say that there is nothing here, but there is
            low = self._bounds.low if self._bounds.low is not None else high - YEAR_SECONDS
            high = self._bounds.high if self._bounds.high is not None else max(low, high) + YEAR_SECONDS
        return Density.even(low, high, total)

    def _add(self, pieces: Iterable[Slice], *, first: Request | None = None) -> list[_Cursor]:
        """Put slices into the queue; the newest come first."""
        cursors: list[_Cursor] = []
        for piece in pieces:
            request = first
            if request is None:
                assert self._endpoint is not None
                request = self._endpoint.request({**self._body, "limit": self._page_size, "datetime": piece.datetime})
            cursors.append(_Cursor(piece, request, request, SliceAudit(piece.datetime)))
        cursors.reverse()
        self._ready.extend(cursors)
        self._active.update(cursors)
        if self._ordered:
            self._order.extend(cursors)
        return cursors

    def _replace(self, cursor: _Cursor, pieces: list[Slice]) -> None:
        """Read other slices instead of the rest of this one."""
        self._drop(cursor)
        place = self._order.index(cursor) if self._ordered else 0
        behind = [self._order.pop() for _ in range(len(self._order) - place)] if self._ordered else []
        first = cursor.first if self._sequential or cursor.complement else None
        for added in self._add(pieces, first=first):
            added.complement = cursor.complement
        if behind:
            behind.pop()  # the cursor itself
            self._order.extend(reversed(behind))

    def _drop(self, cursor: _Cursor) -> None:
        cursor.dropped = cursor.ended = True
        if cursor in self._ready:
            self._ready.remove(cursor)
        self._active.discard(cursor)
        cursor.pages.clear()
        kept = [(other, page) for other, page in self._arrived if other is not cursor]
        self._held -= cursor.waiting
        cursor.waiting = 0
        self._arrived = deque(kept)

    # --- Fetching -----------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Start requests while there is something to ask, room in flight and room for what comes."""
        self._stats.concurrency = self._limiter.level
        room = 1 if self._sequential else self._limiter.ceiling + PAGES_WAITING
        while len(self._tasks) < self._limiter.level and self._error is None:
            if self._left == 0:
                return
            if not self._ready:
                if self._sequential or not self._share_work():
                    return
                continue
            cursor = self._next_cursor()
            enough = self._left is not None and self._held * self._page_size >= self._left
            # In order, the slice that comes next must always get on.
            if (enough or self._held >= room) and not (cursor is self._head() and not cursor.waiting):
                return
            self._ready.remove(cursor)
            self._held += 1
            self._stats.peak_buffer = max(self._stats.peak_buffer, self._held)
            cursor.in_flight = True
            task = asyncio.get_running_loop().create_task(self._fetch(cursor))
            self._tasks.add(task)
            task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._error is None:
            self._error = error
        self._event.set()
        if not task.cancelled():
            self._pump()

    def _next_cursor(self) -> _Cursor:
        if self._ordered and len(self._order) > 1:
            wanted = set(self._ready)
            return next(cursor for cursor in self._order if cursor in wanted)
        return max(self._ready, key=lambda cursor: cursor.pages_left(self._page_size))

    def _head(self) -> _Cursor | None:
        while self._order:
            cursor = self._order[0]
            if cursor in self._active:
                return cursor
            self._order.popleft()
        return None

    async def _fetch(self, cursor: _Cursor) -> None:
        request = cursor.following
        assert request is not None
        try:
            if request is cursor.first and (limit_of(request) or 0) > self._page_size:
                request = cursor.first = with_limit(request, self._page_size) or request
            page, cursor.first = await fetch_page(
                self._client, request, cursor.first, outline=self._outlines and not self._sequential
            )
        except PageSizeError as error:
            self._held -= 1
            if cursor.dropped:
                return
            if cursor.ids is None:
                raise
            self._page_size = min(self._page_size, error.limit)
            piece = cursor.piece
            if smaller := with_limit(cursor.first, self._page_size):
                cursor.first = smaller
            self._replace(cursor, [replace(piece, check=piece.check | cursor.ids, depth=piece.depth)])
            return
        self._page_size = min(self._page_size, limit_of(cursor.first) or self._page_size)
        self._accept(cursor, page)

    def _accept(self, cursor: _Cursor, page: Page) -> None:
        """Take a page that has come: decide what to ask next, and put it before the consumer."""
        cursor.in_flight = False
        if cursor.dropped:
            self._held -= 1
            return
        is_first = not cursor.fetched_pages
        cursor.fetched_pages += 1
        cursor.fetched_items += page.size
        if page.following is not None:
            self._largest_page = max(self._largest_page, page.size)
        if is_first:
            cursor.counted = page.matched
            self._learn(cursor, page)
            if self._cut_oversized(cursor, page):
                self._held -= 1
                return
        cursor.last_page_was_full = page.size >= min(self._page_size, self._largest_page or self._page_size)
        following = page.following
        if following is not None:
            cursor.asked.add(hash(identity_of(cursor.following or cursor.first)))
            if hash(identity_of(following)) in cursor.asked:
                cursor.problem = LOOP
                following = None
        elif cursor.last_page_was_full and page.size and cursor.counted is None:
            cursor.problem = NO_NEXT
        cursor.following = following
        if following is None:
            cursor.ended = True
        else:
            self._ready.append(cursor)
        self._stats.completeness.pages += 1
        cursor.audit.pages += 1
        cursor.waiting += 1
        if self._ordered:
            cursor.pages.append(page)
        else:
            self._arrived.append((cursor, page))
        self._event.set()

    def _learn(self, cursor: _Cursor, page: Page) -> None:
        if self._sequential:
            if self._stats.completeness.counted is None:
                self._stats.completeness.counted = page.matched
        elif page.matched is not None and not cursor.complement:
            low, high = stretch(cursor.piece, self._bounds, self._density)
            self._density.set_weight(low, high, page.matched)

    def _can_cut(self, cursor: _Cursor) -> bool:
        if self._sequential or cursor.complement or cursor.ids is None:
            return False
        low, high = stretch(cursor.piece, self._bounds, self._density)
        return high - low >= 2

    def _cut_oversized(self, cursor: _Cursor, page: Page) -> bool:
        """Cut a slice of which the first page shows that it holds far more than it should; that page is given up."""
        counted = cursor.counted
        if counted is None or not self._can_cut(cursor) or counted <= page.size:
            return False
        size = max(page.size, 1)
        if page.following is None:
            return self._cut(cursor, min(ceil(counted / (0.7 * size)), 64), cursor.piece.depth)
        if counted <= OVERSIZE * self._target + self._page_size:
            return False
        parts = min(ceil(counted / self._target), 2 * self._limiter.planned)
        return self._cut(cursor, max(parts, 2), cursor.piece.depth)

    def _cut(self, cursor: _Cursor, parts: int, depth: int) -> bool:
        piece = cursor.piece
        low, high = stretch(piece, self._bounds, self._density)
        edges = set(self._density.edges(low, high, parts))
        # What lies outside of all that is known is looked at by itself.
        if piece.low is None and self._bounds.low is None and piece.estimate and low < (piece.high or high) - 1:
            edges.add(int(low) + 1)
        if piece.high is None and self._bounds.high is None and piece.estimate and (piece.low or low) + 1 < high:
            edges.add(int(high) - 1)
        inside = sorted(
            edge
            for edge in edges
            if (piece.low is None or edge > piece.low)
            and (piece.high is None or edge < piece.high)
            and (self._bounds.low is None or edge > self._bounds.low)
            and (self._bounds.high is None or edge < self._bounds.high)
        )
        if not inside:
            return False
        pieces = piece.cut(inside, piece.check | (cursor.ids or set()), depth)
        for part in pieces:
            part.estimate = self._density.weight(*stretch(part, self._bounds, self._density))
        self._replace(cursor, pieces)
        return True

    def _share_work(self) -> bool:
        """Cut the slice with the most work left, where that ends the search earlier. What was read is read again."""
        idle = self._limiter.level - len(self._tasks)
        candidates = [cursor for cursor in self._active if not cursor.ended and self._can_cut(cursor)]
        if idle < 1 or not candidates:
            return False
        cursor = max(candidates, key=lambda each: each.pages_left(self._page_size))
        left = cursor.pages_left(self._page_size)
        parts = min(idle + 1, ceil(left))
        if cursor.fetched_pages == 0 or left < 4 or (cursor.fetched_pages + left) / parts + 1 > 0.7 * left:
            return False
        return self._cut(cursor, parts, cursor.piece.depth)

    # --- Delivering ---------------------------------------------------------------------------------------------

    async def next_items(self) -> list[Item] | None:
        """Return the new items of the next page that has come, or None after the last."""
        while True:
            if self._left == 0 and (self._active or self._deferred):
                return None
            taken = self._take()
            if taken is not None:
                return self._limited(self._process(*taken))
            if self._error is not None:
                raise self._error
            if not self._active:
                if self._deferred:
                    rest = list(self._deferred.values())
                    self._deferred.clear()
                    return self._limited(rest)
                self._audit()
                return None
            self._event.clear()
            started = perf_counter()
            await self._event.wait()
            self._stats.seconds_waiting += perf_counter() - started

    def _limited(self, items: list[Item]) -> list[Item]:
        if self._left is not None:
            items = items[: self._left]
            self._left -= len(items)
        self._stats.completeness.items += len(items)
        return items

    def _take(self) -> tuple[_Cursor, Page] | None:
        if self._ordered:
            cursor = self._head()
            return (cursor, cursor.pages.popleft()) if cursor and cursor.pages else None
        return self._arrived.popleft() if self._arrived else None

    def page_taken(self) -> None:
        """Make room for another page: the consumer is done with the last one."""
        self._pump()

    def _process(self, cursor: _Cursor, page: Page) -> list[Item]:
        self._held -= 1
        cursor.waiting -= 1
        cursor.processed += 1
        if page.size:
            self._stats.pages += 1
        new: list[Item] = []
        keys: list[str] = []
        started = perf_counter()
        features = page.load()
        self._stats.seconds_decoding += perf_counter() - started
        if features is None:
            self._read_again(cursor, page)
            return new
        for item in features:
            if not _is_item(item, page.url, self._failures):
                cursor.invalid += 1
                self._invalid += 1
                continue
            key = key_of(item)
            keys.append(key)
            if key in cursor.previous:
                self._stats.completeness.duplicates_removed += 1
                continue
            times = times_of(item)
            if self._memory.everything and cursor.piece.is_far_from(times):
                self._fall_back()
                return new
            cursor.audit.received += 1
            if cursor.ids is not None:
                known = len(cursor.ids)
                cursor.ids.add(hash(key))
                if len(cursor.ids) == known:
                    cursor.audit.received -= 1
                    self._stats.completeness.duplicates_removed += 1
                    continue
            if self._ordered and self._comes_later(item, cursor.piece):
                self._deferred[key] = item
            elif self._memory.is_new(item, cursor.piece, times):
                self._deferred.pop(key, None)
                new.append(item)
                self._check_order(item)
            else:
                self._stats.completeness.duplicates_removed += 1
        page_mark = hash(tuple(keys))
        if page_mark in cursor.pages_seen and keys:
            cursor.problem = cursor.problem or REPEAT
            cursor.ended = True
            waiting = cursor.waiting
            self._drop(cursor)
            self._active.add(cursor)
            cursor.audit.pages -= waiting
        cursor.pages_seen.add(page_mark)
        cursor.previous = frozenset(keys)
        if cursor.ids is not None and len(cursor.ids) > ITEMS_REMEMBERED:
            cursor.ids = None
        self._prove_datetime(cursor)
        if cursor.ended and not cursor.waiting:
            self._finish(cursor)
        return new

    def _read_again(self, cursor: _Cursor, page: Page) -> None:
        """Ask for a slice once more of which a page was damaged in a way that only shows when it is decoded."""
        piece = cursor.piece
        if cursor.ids is None or piece.depth >= REPAIR_DEPTH:
            raise DataProcessingError(f"{page.url}: the answer is damaged, or says a wrong number of items")
        self._outlines = False
        self._replace(cursor, [replace(piece, check=piece.check | cursor.ids, depth=piece.depth + 1)])

    def _comes_later(self, item: Item, piece: Slice) -> bool:
        """Tell whether an item of this slice has its place in the server's order in an older one."""
        key = self._order_key(item, self._order_name)
        return piece.low is not None and key is not None and key < piece.low - 0.001

    def _check_order(self, item: Item) -> None:
        """Say so when the server turns out not to sort as its first page did."""
        if self._order_name is None or self._sequential:
            return
        key = self._order_key(item, self._order_name)
        if key is None or (self._last_key is not None and key > self._last_key + 0.001):
            self._stats.notes.append("Not in order throughout: the server does not sort all items, newest first.")
            self._order_name = None
        self._last_key = key

    def _prove_datetime(self, cursor: _Cursor) -> None:
        """Stop remembering everything once a slice is seen to hold other items than the search as a whole."""
        total = self._stats.completeness.counted
        if not self._memory.everything or self._sequential or cursor.complement:
            return
        fewer = total is not None and cursor.counted is not None and cursor.counted < total
        if fewer or cursor.piece.is_far_from(self._newest):
            self._memory.everything = False

    def _fall_back(self) -> None:
        """Read the search in sequence after all; what was delivered is remembered."""
        self._stats.notes.append("One request after another: the server ignores datetime.")
        for cursor in list(self._active):
            self._drop(cursor)
        self._order.clear()
        self._ready.clear()
        assert self._whole is not None
        self.read_in_sequence(self._whole)

    def _finish(self, cursor: _Cursor) -> None:
        """Compare what came with what was counted; ask again for what is missing."""
        audit = cursor.audit
        audit.counted = cursor.counted
        audit.problem = self._problem_of(cursor)
        if audit.problem and self._repair(cursor):
            return
        if audit.problem and self._sequential and cursor.problem in (LOOP, REPEAT):
            raise DataProcessingError(f"{cursor.first.method} {shown(cursor.first.url)}: {audit.problem}")
        self._active.discard(cursor)
        self._stats.completeness.slices.append(audit)

    def _problem_of(self, cursor: _Cursor) -> str | None:
        if cursor.counted is None:
            return cursor.problem
        received = cursor.audit.received + cursor.invalid
        if received < cursor.counted:
            return f"{cursor.counted - received} of {cursor.counted} items did not come" + (
                f": {cursor.problem}" if cursor.problem else ""
            )
        return None

    def _repair(self, cursor: _Cursor) -> bool:
        """Read a slice again in parts, where something is missing."""
        if self._sequential or cursor.complement or cursor.ids is None or self._repairs >= REPAIRS:
            return False
        short = cursor.problem is None and not cursor.last_page_was_full
        depth = cursor.piece.depth + (1 if short else 0)
        if depth > REPAIR_DEPTH:
            return False
        self._repairs += 1
        parts = 2
        if cursor.counted is not None:
            parts = min(max(ceil(cursor.counted / max(self._largest_page, 1) * 1.3), 2), 16)
        if self._can_cut(cursor) and self._cut(cursor, parts, depth):
            return True
        if cursor.piece.depth < REPAIR_DEPTH:
            check = cursor.piece.check | cursor.ids
            self._replace(cursor, [replace(cursor.piece, check=check, depth=cursor.piece.depth + 1)])
            return True
        return False

    def _audit(self) -> None:
        """Say what was proved."""
        proof = self._stats.completeness
        bad: list[str] = []
        unproved: list[str] = []
        for audit in proof.slices:
            if audit.problem:
                words = f"datetime {audit.datetime or 'any'}: {audit.problem}"
                (unproved if audit.counted is None and audit.problem == NO_NEXT else bad).append(words)
        came = proof.items + self._invalid
        if proof.counted is not None and came < proof.counted:
            bad.append(f"{proof.counted - came} of the {proof.counted} items counted did not come")
        counted = proof.counted is not None or all(audit.counted is not None for audit in proof.slices)
        proof.problems = bad + unproved
        if bad:
            proof.status = "incomplete"
            for words in bad:
                self._failures.add("the search", words)
        elif counted and not unproved:
            proof.status = "complete"

    async def close(self) -> None:
        """End every request and wait until it has ended."""
        self._left = 0
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._arrived.clear()
        self._ready.clear()


def _is_item(candidate: object, url: str, failures: FailureCollector) -> bool:
    """Tell whether a member of a page is an item; searches with `fields` may leave out everything but the id."""
    if isinstance(candidate, dict) and isinstance(candidate.get("id"), str):
        return True
    failures.add(url, "not a STAC item: it has no id")
    return False
