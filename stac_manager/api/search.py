"""One search of a STAC API -> its items, a page at a time, and the proof that none is missing.

A search is cut into slices of time (`planning`, `slicing`), the pages of several slices are requested at once
(`flight`), delivered as they come or in order (`delivery`, `ordering`), and compared with what the server counted
(`audit`). Where that does not work, it is read one page after another.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from time import perf_counter
from typing import Any

import orjson

from stac_manager.api import page_sizes
from stac_manager.api.audit import audit_of, conclude, problem_of
from stac_manager.api.cursor import LOOP, REPEAT, Cursor, neighbours
from stac_manager.api.cutting import Cutter
from stac_manager.api.delivery import AsTheyCome, Delivery, NewestFirst
from stac_manager.api.endpoint import Endpoint, body_of, find_endpoint
from stac_manager.api.features import DamagedPageError
from stac_manager.api.flight import Flight, Work
from stac_manager.api.http import Client, Request, shown
from stac_manager.api.instants import times_of
from stac_manager.api.ordering import NewestFirstOrder, Retrace
from stac_manager.api.paging import (
    DOUBTS,
    Page,
    PageSizeError,
    fetch_page,
    limit_of,
    make_sure,
    with_limit,
)
from stac_manager.api.planning import plan, why_sequential
from stac_manager.api.slicing import Bounds, Memory, Slice, key_of
from stac_manager.api.survey import has_null_datetime, is_unknown, survey
from stac_manager.concurrency import Limiter, limiter
from stac_manager.config import IngestConfig
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.protocols import Item
from stac_manager.stats import ApiStats

# Pages that wait for the consumer, beside those in flight.
PAGES_WAITING = 4
# Pages in flight or waiting are no more than fit in here, whatever the level: they may all come at once.
BUFFER_BYTES = 40_000_000
FEWEST_PAGES = 2
PAGE_BYTES_SMOOTHING = 0.1
# A slice is cut once it holds so much more than it should.
OVERSIZE = 1.3
# A server that gives no next links is read in slices of about this share of a page.
CUT_OFF_SHARE = 0.7
MOST_PARTS = 64
# A burst of which the extent is guessed is cut into so many times as many slices, so that a wrong guess matters less.
FINER_IN_BURSTS = 1.5
# How often a slice that lacks items is read again, and how many slices are without anything new to show for it.
REPAIR_DEPTH = 2
REPAIRS_IN_VAIN = 50
# Slices that have so many times the items of the whole are not parts of it: long ranges of time are in all of them.
SLICES_OVERLAP = 2

FROM_SOMEWHERE_ON = "One request after another from somewhere on: not all items are sorted newest first."
OVERLAPPING = (
    "Few requests at once from somewhere on: slices of time hold the same items again (long ranges of time, or counts "
    "that cannot be right)."
)
OUT_OF_ORDER = "Not in the server's order throughout: it does not sort all items newest first."


async def search(
    config: IngestConfig, collection_id: str | None, failures: FailureCollector, stats: ApiStats
) -> AsyncGenerator[Iterator[Item], None]:
    """Search the API at `config.source` and yield the items of each page.

    Raises:
        DataProcessingError: If the server cannot be reached, refuses, or answers nonsense.
    """
    level = limiter(config.concurrency)
    stats.concurrency = level.level
    body = body_of(config, collection_id, page_sizes.working(config.source, config.limit))
    async with Client(config.source, config.headers, stats, level) as client:
        run = _Search(client, config, failures, stats, level)
        try:
            reason = why_sequential(config)
            if reason is None:
                endpoint = await run.split(body)
            else:
                endpoint = await find_endpoint(client, config.source)
                run.read_in_sequence(reason, endpoint.request(body))
            while (items := await run.next_items()) is not None:
                yield items
            if not stats.completeness.items and await is_unknown(client, endpoint, collection_id):
                stats.notes.append(f"The server has no Collection {collection_id!r}.")
        finally:
            await run.close()


class _Search:
    """One search under way."""

    def __init__(
        self, client: Client, config: IngestConfig, failures: FailureCollector, stats: ApiStats, level: Limiter
    ) -> None:
        self._client = client
        self._config = config
        self._failures = failures
        self._stats = stats
        self._limiter = level
        self._left = config.max_items
        self._whole = Bounds.parse(config.datetime).whole
        self._page_size = config.limit
        self._largest_page = 0
        self._page_bytes = 0.0  # of a full page
        self._next_links_seen = False
        self._outlines = True
        self._sequential = False
        self._order: NewestFirstOrder | None = None
        self._retrace: Retrace | None = None
        self._memory = Memory()
        self._invalid = 0
        self._invalid_seen: set[int] = set()
        self._repairs_in_vain = 0
        self._divides = True
        self._counted_in_slices = 0
        self._came_from_other_slices = 0
        self._flight = Flight(level, self._next_work)
        self._delivery: Delivery = AsTheyCome()

    # --- Beginning ----------------------------------------------------------------------------------------------

    async def split(self, body: dict[str, Any]) -> Endpoint:
        """Ask what there is, and read it in slices, or in sequence where that is safer."""
        with self._waiting():
            known = await survey(self._client, self._config.source, body, at_once=self._limiter.level)
        self._whole_request, self._body, self._endpoint = known.first, body, known.endpoint
        works = limit_of(known.first) or self._page_size
        if works < body["limit"]:
            self._remember_page_size(works)
        self._page_size = works
        known.page = await self._make_sure(known.first, known.first, known.page)
        self._stats.completeness.counted = known.page.matched
        self._learn_page_bytes(known.page)
        if known.page.matched is not None or known.page.doubt:
            self._largest_page = known.page.size
        with self._waiting():
            planned = await plan(self._client, self._config, body, known, self._limiter.planned)
        if planned.reason is not None:
            self.read_in_sequence(planned.reason, known.first, known.page)
            return known.endpoint
        self._cutter: Cutter = planned.cutter
        self._items_a_slice = planned.items_a_slice
        self._order = planned.order
        if planned.order:
            self._delivery = NewestFirst()
        self._delivery.add(self._cursors(planned.pieces))
        if planned.complement is not None:
            nulls = Slice(None, None, "..", "..")
            self._delivery.add([Cursor(nulls, planned.complement, planned.complement, complement=True)])
        self._flight.start()
        return known.endpoint

    def read_in_sequence(self, reason: str, first: Request, page: Page | None = None) -> None:
        """Read the whole search page by page, from its first page if that is there."""
        if reason:
            self._stats.notes.append(reason)
        self._sequential = True
        cursor = Cursor(self._whole, first, first)
        self._delivery.add([cursor])
        if page is not None:
            self._accept(cursor, page)
        self._flight.start()

    def _read_from_the_beginning(self) -> None:
        """Read in sequence after all, over what was delivered: the order cannot be had otherwise."""
        assert self._order is not None
        for cursor in self._delivery.cursors():
            self._drop(cursor)
        self._retrace, self._order = Retrace(self._order.delivered), None
        self._stats.completeness.slices.clear()
        self.read_in_sequence(FROM_SOMEWHERE_ON, self._whole_request)

    def _cursors(self, pieces: Iterable[Slice]) -> list[Cursor]:
        """Make slices ready to be read, the newest first."""
        cursors: list[Cursor] = []
        for piece in pieces:
            interval = {"datetime": piece.datetime} if piece.datetime else {}
            request = self._endpoint.request({**self._body, "limit": self._page_size, **interval})
            cursors.append(Cursor(piece, request, request))
        return cursors[::-1]

    # --- Fetching -----------------------------------------------------------------------------------------------

    def _next_work(self) -> Work | None:
        """Choose the page to fetch next, where there is room for one more."""
        self._stats.concurrency = self._limiter.level
        held = len(self._flight) + self._delivery.waiting
        room = 1 if self._sequential else min(self._limiter.level + PAGES_WAITING, self._pages_that_fit)
        enough = self._left is not None and self._items_to_come >= self._left
        if self._left == 0:
            return None
        cursor = self._delivery.next_to_ask(self._page_size)
        if cursor is None and not self._sequential and held < room and self._share_work():
            cursor = self._delivery.next_to_ask(self._page_size)
        if cursor is None or ((enough or held >= room) and not self._delivery.is_urgent(cursor)):
            return None
        self._stats.peak_buffer = max(self._stats.peak_buffer, held + 1)
        cursor.in_flight = True
        return self._fetch(cursor)

    @property
    def _items_to_come(self) -> float:
        """How many items the pages that wait or are in flight hold: those of which the count is known, what is left."""
        in_flight = (each for each in self._delivery.cursors() if each.in_flight)
        return self._delivery.items_waiting + sum(each.next_page_items(self._page_size) for each in in_flight)

    @property
    def _pages_that_fit(self) -> int:
        return max(int(BUFFER_BYTES / max(self._page_bytes, 1)), FEWEST_PAGES)

    async def _fetch(self, cursor: Cursor) -> None:
        request = cursor.following
        assert request is not None
        if request is cursor.first and (limit_of(request) or 0) > self._page_size:
            request = cursor.first = with_limit(request, self._page_size) or request
        asked = limit_of(request) or limit_of(cursor.first)
        try:
            page, cursor.first = await fetch_page(
                self._client, request, cursor.first, outline=self._outlines and not self._sequential
            )
        except PageSizeError as error:
            cursor.in_flight = False
            if not cursor.dropped:
                self._remember_page_size(error.limit)
                self._begin_anew(cursor, error)
            return
        works = limit_of(cursor.first)
        if asked is not None and works is not None and works < asked:
            self._remember_page_size(works)
        if cursor.counted is None:
            page = await self._make_sure(request, cursor.first, page)
        self._accept(cursor, page)

    def _learn_page_bytes(self, page: Page) -> None:
        """Follow what a full page weighs: up at once, down slowly."""
        if page.size:
            full = page.size_bytes / page.size * self._page_size
            self._page_bytes = max(full, self._page_bytes + PAGE_BYTES_SMOOTHING * (full - self._page_bytes))

    def _remember_page_size(self, limit: int) -> None:
        self._page_size = min(self._page_size, limit)
        page_sizes.remember(self._config.source, self._page_size)

    async def _make_sure(self, request: Request, first: Request, page: Page) -> Page:
        """Look twice at a page without a next link, where no count tells whether it is the last."""
        self._next_links_seen |= page.following is not None
        if self._left is not None and page.size >= self._left:
            return page
        limit = limit_of(request) or limit_of(first) or self._page_size
        full = min(limit, self._largest_page or limit)
        return await make_sure(self._client, request, first, page, full=full, next_links_seen=self._next_links_seen)

    def _accept(self, cursor: Cursor, page: Page) -> None:
        """Take a page that has come: decide what to ask next, and put it before the consumer."""
        cursor.in_flight = False
        if cursor.dropped:
            return
        if cursor.problem == REPEAT:
            self._finish(cursor)
            return
        cursor.accept(page)
        if page.following is not None or page.doubt:
            self._largest_page = max(self._largest_page, page.size)
        self._learn_page_bytes(page)
        cursor.last_was_full = page.size >= min(self._page_size, self._largest_page or self._page_size)
        if self._sequential:
            if cursor.counted is not None:
                self._stats.completeness.counted = cursor.counted
        elif cursor.pages == 1 and page.matched is not None and not cursor.complement:
            self._cutter.learn(cursor.piece, page.matched)
            self._counted_in_slices += page.matched
            whole = self._stats.completeness.counted
            if whole is not None and self._counted_in_slices > SLICES_OVERLAP * whole + 4 * self._page_size:
                self._stop_dividing()
            if cursor.dropped or self._cut_oversized(cursor, page):
                return
        self._stats.completeness.pages += 1
        self._delivery.put(cursor, page)

    # --- Cutting ------------------------------------------------------------------------------------------------

    def _can_cut(self, cursor: Cursor) -> bool:
        if self._sequential or cursor.complement or cursor.ids is None:
            return False
        return self._cutter.can_cut(cursor.piece)

    def _cut(self, cursor: Cursor, parts: int, depth: int) -> bool:
        """Read smaller slices instead of this one; its items that were delivered are left out."""
        check = cursor.piece.check | (cursor.ids or set())
        pieces = self._cutter.cut(cursor.piece, parts, check=check, depth=depth)
        if pieces:
            self._replace(cursor, self._cursors(pieces))
        return bool(pieces)

    def _cut_oversized(self, cursor: Cursor, page: Page) -> bool:
        """Cut a slice of which the first page shows that it holds far more than it should; that page is given up."""
        counted = cursor.counted
        if counted is None or counted <= page.size or not self._divides or not self._can_cut(cursor):
            return False
        depth = cursor.piece.depth
        if page.following is None:
            if not cursor.last_was_full:  # not cut off: items are missing, or the count is wrong
                return False
            return self._cut(cursor, min(ceil(counted / (CUT_OFF_SHARE * max(page.size, 1))), MOST_PARTS), depth)
        if counted <= OVERSIZE * self._items_a_slice + self._page_size:
            return False
        burst = self._cutter.extrapolate(cursor.piece, _times_in(page), counted - page.size)
        finer = FINER_IN_BURSTS if burst else 1.0
        parts = min(ceil(finer * counted / self._items_a_slice), 2 * self._limiter.planned)
        return self._cut(cursor, max(parts, 2), depth)

    def _share_work(self) -> bool:
        """Cut the slice with the most work left, where that ends the search earlier. What was read is read again."""
        if not self._divides:
            return False
        candidates = [each for each in self._delivery.cursors() if each.following is not None and self._can_cut(each)]
        cursor = max(candidates, key=lambda each: each.pages_left(self._page_size), default=None)
        if cursor is None or not cursor.pages:
            return False
        left = cursor.pages_left(self._page_size)
        parts = min(self._flight.idle + 1, ceil(left))
        if left < 4 or (cursor.pages + left) / parts + 1 > 0.7 * left:
            return False
        return self._cut(cursor, parts, cursor.piece.depth)

    def _stop_dividing(self) -> None:
        """Put slices that are not read to their end together again, where cutting only multiplies the work."""
        if not self._divides:
            return
        self._divides = False
        if not self._next_links_seen:
            return
        self._stats.notes.append(OVERLAPPING)
        unfinished = [each for each in self._delivery.cursors() if not each.complement and each.ids is not None]
        for group in neighbours(unfinished):
            oldest, newest = group[0].piece, group[-1].piece
            check = frozenset().union(*(each.piece.check | (each.ids or set()) for each in group))
            depth = max(each.piece.depth for each in group)
            whole = Slice(oldest.low, newest.high, oldest.low_text, newest.high_text, check, depth)
            for each in group[:-1]:
                self._drop(each)
            self._replace(group[-1], self._cursors([whole]))

    def _replace(self, cursor: Cursor, others: list[Cursor]) -> None:
        self._counted_in_slices -= cursor.counted or 0
        cursor.dropped = True
        self._delivery.add(others, instead_of=cursor)

    def _drop(self, cursor: Cursor) -> None:
        cursor.dropped = True
        self._delivery.remove(cursor)

    def _begin_anew(self, cursor: Cursor, why: Exception, depth: int = 0) -> None:
        """Read a slice from its beginning once more, in smaller pages if need be."""
        if cursor.ids is None:
            raise why
        piece = replace(cursor.piece, check=cursor.piece.check | cursor.ids, depth=cursor.piece.depth + depth)
        first = with_limit(cursor.first, self._page_size) or cursor.first
        self._replace(cursor, [Cursor(piece, first, first, complement=cursor.complement)])

    # --- Delivering ---------------------------------------------------------------------------------------------

    async def next_items(self) -> Iterator[Item] | None:
        """Return the new items of the next page, or None after the last page. Take all of them before the next call."""
        while self._left != 0:
            self._flight.start()
            await self._client.read_what_is_there()
            taken = self._delivery.take()
            if taken is not None:
                return self._items_of(*taken)
            if self._flight.error is not None:
                raise self._flight.error
            if not any(True for _ in self._delivery.cursors()):
                if self._order is not None and not self._order.is_whole:
                    self._read_from_the_beginning()
                    continue
                conclude(self._stats.completeness, self._invalid, self._failures)
                return None
            with self._waiting():
                await self._flight.news()
        return None

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Add up the time in which there is nothing to do but to wait for the server."""
        started, decoding = perf_counter(), self._stats.seconds_decoding
        yield
        decoded = self._stats.seconds_decoding - decoding
        self._stats.seconds_waiting += perf_counter() - started - decoded

    def _items_of(self, cursor: Cursor, page: Page) -> Iterator[Item]:
        """Yield the items of a page that did not come before. They are marked before the consumer sees them."""
        self._stats.pages += page.size > 0
        marks: list[int] = []
        delivered = self._stats.completeness.items
        try:
            for item in self._timed(page.features()):
                if not self._is_item(item, page.url):
                    cursor.invalid += 1
                    continue
                if cursor.complement and not has_null_datetime(item):
                    continue
                mark = hash(key_of(item))
                marks.append(mark)
                if cursor.is_repeated(mark):
                    self._stats.completeness.duplicates_removed += 1
                    continue
                cursor.received += 1
                if self._order is not None and self._order.comes_later(item, mark, cursor.piece):
                    continue
                if not self._is_new(item, mark, cursor.piece):
                    self._stats.completeness.duplicates_removed += 1
                    continue
                if self._order is not None and not self._order.accepts(item, mark):
                    self._read_from_the_beginning()
                    return
                self._stats.completeness.items += 1
                if self._left is not None:
                    self._left -= 1
                yield item
                del item
                if cursor.dropped or self._left == 0:
                    return  # others read the rest of it
        except DamagedPageError:
            self._outlines = False
            wrong = DataProcessingError(f"{page.url}: the answer is damaged, or says a wrong number of items")
            if cursor.piece.depth >= REPAIR_DEPTH:
                raise wrong from None
            self._begin_anew(cursor, wrong, depth=1)
            return
        if cursor.piece.depth and self._stats.completeness.items > delivered:
            self._repairs_in_vain = 0
        cursor.finish_page(marks)
        if cursor.problem == REPEAT:
            self._delivery.discard_pages(cursor)
            cursor.pages = cursor.processed
        if cursor.done:
            self._finish(cursor)
        came = self._stats.completeness.items
        if self._came_from_other_slices > SLICES_OVERLAP * came + 4 * self._page_size:
            self._stop_dividing()

    def _timed(self, features: Iterator[Any]) -> Iterator[Any]:
        """Add up the time in which features are parsed."""
        stats, clock = self._stats, perf_counter
        started = clock()
        for feature in features:
            stats.seconds_decoding += clock() - started
            yield feature
            del feature
            started = clock()
        stats.seconds_decoding += clock() - started

    def _is_new(self, item: Item, mark: int, piece: Slice) -> bool:
        if mark in piece.check:
            return False
        if self._retrace is not None:
            known = self._retrace.was_delivered(mark)
            if not self._retrace.in_order and OUT_OF_ORDER not in self._stats.notes:
                self._stats.notes.append(OUT_OF_ORDER)
            return not known
        if self._sequential or self._memory.is_new(mark, piece, times_of(item)):
            return True
        self._came_from_other_slices += 1
        return False

    def _is_item(self, candidate: object, url: str) -> bool:
        """Tell whether a member of a page is an item; searches with `fields` may leave out all but the id."""
        if isinstance(candidate, dict) and isinstance(candidate.get("id"), str):
            return True
        mark = hash(orjson.dumps(candidate))
        if self._sequential or mark not in self._invalid_seen:  # other slices may have it, too
            self._invalid_seen.add(mark)
            self._failures.add(url, "not a STAC item: it has no id")
            self._invalid += 1
        return False

    # --- Auditing -----------------------------------------------------------------------------------------------

    def _finish(self, cursor: Cursor) -> None:
        """Compare what came with what was counted; read again what lacks items."""
        problem = problem_of(cursor)
        if problem and self._repair(cursor):
            return
        if problem and self._sequential and cursor.problem in (LOOP, REPEAT):
            raise DataProcessingError(f"{cursor.first.method} {shown(cursor.first.url)}: {problem}")
        self._delivery.remove(cursor)
        self._stats.completeness.slices.append(audit_of(cursor))

    def _repair(self, cursor: Cursor) -> bool:
        """Read a slice again in parts, where something is missing."""
        if self._sequential or cursor.complement or cursor.ids is None:
            return False
        if self._repairs_in_vain >= REPAIRS_IN_VAIN:
            return False
        cut_off = cursor.problem in DOUBTS
        depth = cursor.piece.depth + (not cut_off and not cursor.last_was_full)
        if depth > REPAIR_DEPTH:
            return False
        self._repairs_in_vain += not cut_off
        parts = 2
        if cursor.counted is not None and cursor.last_was_full:
            parts = min(max(ceil(cursor.counted / max(self._largest_page, 1) * OVERSIZE), 2), MOST_PARTS)
        if self._can_cut(cursor) and self._cut(cursor, parts, depth):
            return True
        if cursor.piece.depth < REPAIR_DEPTH:
            self._begin_anew(cursor, DataProcessingError(str(cursor.problem)), depth=1)
            return True
        return False

    async def close(self) -> None:
        """End every request, and wait until it has ended."""
        await self._flight.close()


def _times_in(page: Page) -> list[float]:
    """The times of the items of a page that is not delivered, as far as they can be read."""
    try:
        return [times[0] for item in page.features() if isinstance(item, dict) and (times := times_of(item))]
    except DamagedPageError:
        return []
