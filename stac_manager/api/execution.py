"""A search under way: shares that are read at once, split, put together again and judged at the end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from stac_manager.api.beyond import Beyond
from stac_manager.api.by_number import look_at
from stac_manager.api.features import DamagedPageError
from stac_manager.api.fetching import BUFFER_BYTES, TRIES, Fetcher
from stac_manager.api.forms import REFUSED_METHOD, REFUSED_PAGE, another_form, further, one_by_one
from stac_manager.api.ledger import TURN_SECONDS, Ledger
from stac_manager.api.paging import OneItemError, Page
from stac_manager.api.planning import IN_ORDER, Planned, Planner
from stac_manager.api.query import Named
from stac_manager.api.reading import Reading
from stac_manager.api.requests import Request
from stac_manager.api.second_look import look_again
from stac_manager.api.shares import Ending, Share, put_together, weight_of
from stac_manager.api.splitting import OVERLAP, OVERLAPPING, REPAIR_DEPTH, Splitter
from stac_manager.api.survey import heeds_collections, is_answered
from stac_manager.api.ways import Ways
from stac_manager.events import Split
from stac_manager.exceptions import DataProcessingError
from stac_manager.generators import owning
from stac_manager.limiter import Limiter
from stac_manager.network.retrying import SearchEndsError
from stac_manager.plan import Interval, Pages, Tile, Whole
from stac_manager.protocols import Item
from stac_manager.reader import Parts, counted
from stac_manager.run import Room, Runner, pages_at_once


class Search:
    """One search under way: a queue of shares, and the readings of those that are read; `ways` knows other ways."""

    def __init__(self, planned: Planned, fetcher: Fetcher, ledger: Ledger, level: Limiter, planner: Planner | None):
        self.query, self._fetcher, self._ledger, self._stats = planned.query, fetcher, ledger, ledger.stats
        self.ways = Ways(planner, planned, fetcher, ledger, level.planned)
        self._splitter = self._splitter_of(planned)
        self._readings: dict[Reading, None] = {}  # in the order in which they were begun
        self._beyond = Beyond(fetcher, ledger)
        fetcher.given = None if planned.cuts else planned.page
        self._room = Room(BUFFER_BYTES, lambda: pages_at_once(level.level) if self._is_divided() else 1)
        self._runner: Runner[Share, tuple[Reading, Page | None]] = Runner(
            self._read, lambda: 1 if planned.reason == IN_ORDER else level.level, weight_of, self._share_work
        )
        self._runner.add(planned.shares(Share(Whole(), failing=planned.failing)))

    def _is_divided(self) -> bool:
        return self._splitter is not None or self.ways.by_number.begun or self._runner.unfinished > 1

    async def _read(self, share: Share) -> None:
        """Fetch the pages of a share, one after another."""
        part, size = share.partition, self._fetcher.page_size
        first = self.ways.by_number.first_request(part) or self.query.request(part, size)
        reading = Reading(share, first, first, ending=Ending(shifted=share.doubt))
        self._replace(reading, self._splitter.at_start(share, self._ledger.came, size) if self._splitter else [])
        self._readings[reading] = None
        while reading.following is not None and not reading.stopped:
            reading.stopped = share.doubted and self._splitter is not None and self._splitter.repairs.counts_are_wrong
            self._replace(reading, self.ways.by_names(self.query, reading))
            await self._read_page(reading)
        whole = not self._splitter and (isinstance(part, Pages) or self._runner.unfinished == 1)
        await self._beyond.look_ahead(self.query, reading, whole=whole)
        self._runner.put((reading, None))

    async def _read_page(self, reading: Reading) -> None:
        """Fetch the next page of a reading, and hand it on: nothing of it is kept here."""
        size = int(self._fetcher.sizes.bytes)
        await self._room.enter(size, when=lambda: self._is_wanted(reading))
        sent = reading.following
        self._stats.peak_buffer = max(self._stats.peak_buffer, self._room.pages)
        try:
            page = await self._page_of(reading)
        except DataProcessingError as error:
            page = None
            if reading.following is not None and not reading.stopped:  # not ended meanwhile
                await self._survive(reading, error)
        if page and sent and not reading.stopped and reading.following is not None:
            reading.accept(page)
            if not self._is_replaced(reading, sent, page):
                self._room.resize(size, page.size_bytes)
                self._stats.completeness.pages += 1
                self._runner.put((reading, page))
                return
        self._room.leave(size)

    def _is_wanted(self, reading: Reading) -> bool:
        """Tell whether the pages that are there or on their way do not hold enough already."""
        pages, left = self._room.pages, self._ledger.left
        return left is None or reading.stopped or pages * self._fetcher.page_size < left

    async def _page_of(self, reading: Reading) -> Page | None:
        if reading.following is None or reading.stopped:  # ended while it waited for room
            return None
        split, sizes, part = self._splitter, self._fetcher.sizes, reading.share.partition
        works = sizes.largest >= sizes.now and not (sizes.counting or sizes.helped)
        few = split.attempts(reading, works=works) if split else 1 if reading.share.jumps else None
        looks = self._fetcher.given is None and part == Whole() and not reading.tally.fetched
        if self.ways.by_number.is_foremost(reading):
            try:
                return await self._fetcher.fetch(reading, enough=self._ledger.left, attempts=TRIES)
            except DataProcessingError:
                if self.ways.by_number.is_foremost(reading):  # no page behind it came meanwhile
                    raise
        page = await self._fetcher.fetch(reading, enough=self._ledger.left, attempts=few)
        if looks and page and (apart := await one_by_one(self._fetcher.client, self.query, page)):
            self.query, page = apart, None
            reading.begin_anew(apart.request(Whole(), self._fetcher.page_size))
        return page

    async def _survive(self, reading: Reading, error: DataProcessingError) -> None:
        """Go on without a page that cannot be had, where others can. Parts are never read in one Collection only."""
        status, partition, fetcher = error.status, reading.share.partition, self._fetcher
        named, client, numbers = isinstance(partition, Named), fetcher.client, self.ways.by_number
        works = reading.tally.fetched or isinstance(partition, Pages)  # as others came by their numbers
        first = not (fetcher.any_came or named) and await is_answered(client, self.query, error)
        known = works or first or (fetcher.any_came and not 400 <= status < 500)  # others came in this form
        other = None if known else await another_form(client, self.query, error, partition, reading.first)
        if other is not None and (isinstance(partition, Whole) or not other.within(partition).apart):
            if other.endpoint != self.query.endpoint and status != REFUSED_METHOD:
                reading.ending.elsewhere = reading.ending.elsewhere or error
            self.query = other
            reading.begin_anew(other.request(partition, self._fetcher.page_size))
            return
        over = status in REFUSED_PAGE or self._beyond.ends_in_error(reading, error)
        if over and numbers.ends(reading):
            self._fetcher.sizes.grow_again()
            return
        apart = named and not works
        one, borne = isinstance(error, OneItemError), self._fetcher.bears(error, reading, apart or first)
        if (status == 401 and not apart) or not (borne or (one and numbers.may_be_over(reading))):
            raise reading.ending.elsewhere or error
        behind, ends_page = numbers.behind_item(reading) if one and borne else (None, False)
        reading.skip(behind, error, ends_page=ends_page)

    def _is_replaced(self, reading: Reading, sent: Request, page: Page) -> bool:
        """Learn from the first page of a partition, and read smaller ones in its place if it is too large."""
        partition, size = reading.share.partition, self._fetcher.page_size
        if self._splitter is None or isinstance(partition, Pages):
            if reading.counted is not None and isinstance(partition, Whole):
                self._stats.completeness.counted = reading.counted
            self._runner.add(self.ways.accept(reading, sent, page))
            if not self.ways.by_number.begun and reading.following and reading.tally.fetched == look_at(reading):
                self._runner.spawn(self._look(reading))
            return False
        if reading.tally.fetched > 1 or page.matched is None or not isinstance(partition, Interval | Tile):
            return False
        self._replace(reading, self._splitter.oversized(reading, page, size))
        return reading.stopped

    def _share_work(self, idle: int) -> bool:
        if more := self.ways.by_number.more(idle):
            self._runner.add(more)
            return True
        size, pages = self._fetcher.page_size, self._stats.completeness.pages
        if self._splitter and (shared := self._splitter.shared(self._readings, idle, size, pages)):
            self._replace(*shared)
        return bool(self._splitter and shared)

    def _replace(self, reading: Reading, shares: list[Share]) -> None:
        """Let others read the rest of a reading; not if others do so already."""
        if not shares or reading.stopped:
            return
        if [share.partition for share in shares] != [reading.share.partition]:  # else it is begun again
            self._stats.tell(Split(reading.share.partition.key, tuple(share.partition.key for share in shares)))
        reading.stopped = True
        self._runner.add(shares)
        self._room.changed()

    def _stop_dividing(self) -> None:
        """Put partitions that are not read to their end together again, where cutting only multiplies the work."""
        assert self._splitter is not None
        divides, self._splitter.divides = self._splitter.divides, False
        if not divides or not self._fetcher.next_links_seen:
            return
        self._stats.notes.append(OVERLAPPING)
        under_way = (each for each in self._readings if each.following is not None and not each.stopped)
        rests = {Share(each.share.partition, each.before): each for each in under_way}
        for members, whole in put_together([*rests, *self._runner.queue]):
            self._runner.add([whole])
            for share in members:
                if share in rests:
                    rests[share].stopped = True
                else:
                    self._runner.withdraw(share)
        self._room.changed()

    async def parts(self) -> Parts:
        """Yield the new items of each page, and count those that are taken. Take all of one part before the next."""
        try:
            async with owning(self._runner.parts()) as parts:
                while self._ledger.left != 0:
                    with self._stats.waiting():
                        part = await anext(parts, None)
                    if part is None:
                        return
                    reading, page = part
                    if page is None:
                        await self._finish(reading)
                        continue
                    if others := self._ledger.conditions.other_collections(reading, page):
                        heeds = await heeds_collections(self._fetcher.client, self.query)
                        self._stats.notes += self._ledger.conditions.take_for(others, heeds=heeds)
                    items = self._delivered(reading, page)
                    for first in items:
                        await self._fetcher.client.wire.read_what_is_there()
                        if first is not None:
                            yield counted(chain([first], items), self._stats, TURN_SECONDS)
                    self._room.leave(page.size_bytes)
                    del part, page, items  # which would stay while the next one is waited for
        except SearchEndsError as error:
            raise DataProcessingError(self._stats.completeness.broken_off(error, self._runner.unfinished)) from error

    def _delivered(self, reading: Reading, page: Page) -> Iterator[Item | None]:
        before = self._stats.completeness.items
        self._ledger.skipped(reading)
        try:
            yield from self._ledger.items(reading, page)
        except DamagedPageError:
            self._fetcher.follower.outlines = False
            if reading.share.depth >= REPAIR_DEPTH and not reading.stopped:
                raise DataProcessingError(f"{page.url}: the answer is damaged") from None
            self._replace(reading, [reading.again()])
        self._fetcher.follower.outlines &= not reading.memory.miscounted
        items, foreign = self._stats.completeness.items, self._ledger.totals.foreign
        if self._splitter and items > before:
            self._splitter.repairs.new_page(reading.share)
        if self._splitter and foreign > OVERLAP * items + 4 * self._fetcher.page_size:
            self._stop_dividing()

    async def _finish(self, reading: Reading) -> None:
        """Compare what came with what was counted; read again what lacks items."""
        self._readings.pop(reading, None)
        self._ledger.skipped(reading)
        reading.settle_circle()
        self.ways.by_number.finished(reading, self._ledger, last=self._runner.unfinished == 1)
        if self._splitter is not None:
            self._splitter.repairs.ended(reading)
        if not reading.stopped:
            await self._beyond.look(self.query, reading, last=self._runner.unfinished == 1 and not self._splitter)
            if reading.missing():
                await self._repair(reading)
        if self._splitter is not None:
            self._ledger.finished(reading)
        elif not reading.stopped:
            self._runner.add(self.ways.behind(reading))
        if reading.ending.error and not reading.stopped:
            if self._runner.unfinished == 1 and not self._fetcher.any_came:
                raise DataProcessingError(reading.ending.error)
            self._ledger.failed_pages(reading)
        await look_again(self._fetcher.client, self._ledger, self.query, reading, last=self._runner.unfinished == 1)
        self._ledger.report(reading, self.query, last=self._runner.unfinished == 1)
        if self._splitter and self._runner.unfinished == 1:
            self._runner.add([Share(Whole())] if await self._beyond.lacks(self.query) else [])
        self._runner.finished()

    async def _repair(self, reading: Reading) -> None:
        """Read what a reading lacks another way, where there is one."""
        if (other := await further(self._fetcher.client, self.query, reading, self._fetcher.sizes)) is not None:
            self.query = other
            self._replace(reading, [reading.again()])
        elif reading.missing():
            if self._splitter is None and (helped := await self.ways.help(self.query, reading)) is not None:
                self._cut_after_all(reading, helped)
            splitter, about = self._splitter, (self._fetcher.sizes.largest, self._ledger.lacks_only(reading))
            shares = await self.ways.by_space(self.query, reading, splitter)
            if not shares:
                shares = splitter.repaired(reading, *about) if splitter else self.ways.halved(self.query, reading)
            self._replace(reading, shares or self.ways.older(self.query, reading))
            reading.stopped |= splitter is not None and isinstance(reading.share.partition, Pages)

    async def _look(self, reading: Reading) -> None:
        """Cut what is read in sequence another way, if there is one."""
        if (found := await self.ways.look(reading)) and reading.following is not None and not reading.stopped:
            if any(isinstance(partition, Tile) for partition in found.partitions):
                self._ledger.claims.delivered = reading.came()
            self._cut_after_all(reading, found)

    def _cut_after_all(self, reading: Reading, planned: Planned) -> None:
        self.query = planned.query
        self._splitter = self._splitter_of(planned)
        like = Share(Whole(), reading.before, 0, reading.ending.error is not None, doubted=reading.contradicts)
        self._replace(reading, planned.shares(like))

    def _splitter_of(self, planned: Planned) -> Splitter | None:
        return Splitter(planned.cuts, planned.sizes, self._stats.completeness.pages) if planned.cuts else None
