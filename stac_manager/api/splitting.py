"""When a partition is replaced by smaller ones: too large, an idle worker beside it, items that did not come; and
whether that is worth it: each new item is worth some more of it, and what brings none uses it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil, inf
from typing import TypeAlias

from stac_manager.api.cutting import Cutter
from stac_manager.api.fetching import TRIES
from stac_manager.api.first_page import Sizes
from stac_manager.api.ownership import OWN, owner
from stac_manager.api.paging import Page
from stac_manager.api.reading import CAPPED, Reading
from stac_manager.api.shares import Share
from stac_manager.api.space import SpaceCuts
from stac_manager.plan import Interval, Partition, Tile

OVERSIZE = 1.3  # a partition is cut once it holds so many times what it should
CUT_OFF_SHARE = 0.7  # a server that gives no next links is read in partitions of about this share of a page
FEWEST_PAGES_TO_SHARE = 4
FOR_SHARING, SPARE_REQUESTS = 0.25, 5
WORTH_SHARING = 0.7  # work is shared where that ends it within this share of the time

REPAIR_DEPTH = 2
REPAIRS_IN_VAIN = 50
"""How often a partition that lacks items is read again, and how many are without anything new to show for it."""
DOUBTS_IN_VAIN, FOR_DOUBTS = 2, 0.1
"""How many where nothing but counts speaks for it, and that for each page: then it is the counts that are wrong."""
FAILURES_IN_VAIN = 80
"""How many more parts of a partition that cannot be had fail than are read: a cut leaves one of two, unless the server
rounds times."""
GUESSES_IN_VAIN = 4
"""How often a page is cut around that smaller ones were not tried for: where all parts can be had, it is large."""
PARTS_A_PAGE, SPARE_PARTS = 8, 500
"""Partitions that end before their count are cut into so many parts in all: where counts are too high, all look so."""
MOST_PARTS = 64
OVERLAP = 2
"""Partitions that have so many times the items of the whole are not parts of it: long ranges are in all of them."""
OVERLAPPING = (
    "Fewer requests at once: the time slices hold the same items again (items that span long ranges, or wrong counts)."
)

Cuts: TypeAlias = Cutter | SpaceCuts
"""Cuts partitions by time or by space, and learns from what the server counts."""


def parts_of_oversized(counted: int, page: int, sizes: Sizes) -> int:
    """Into how many parts to cut a partition of which the first page shows its count; 0 to leave it as it is."""
    if counted <= OVERSIZE * sizes.items + page:
        return 0
    most = max(2 * sizes.workers, ceil((sizes.counted or 0) / sizes.items))  # as many as the whole was cut into
    return max(min(ceil(counted / sizes.items), most), 2)


def parts_to_share(fetched: int, left: float, idle: int, others: float = 0.0) -> int:
    """Into how many parts to cut a partition that others could help with; 0 where it is done sooner without them: what
    was fetched of it is fetched again, and each part costs one more request. The search ends no sooner, either, where
    `others` have as many pages left, for whom no hand is idle now, and too few to be helped then."""
    parts = min(idle + 1, ceil(left))
    rounds = (fetched + left) / parts + 1
    in_vain = others > WORTH_SHARING * left and others - rounds < FEWEST_PAGES_TO_SHARE
    return 0 if left < FEWEST_PAGES_TO_SHARE or rounds > WORTH_SHARING * left or in_vain else parts


def spreads_work(parts: Sequence[Partition]) -> bool:
    """Whether none of several parts is believed to hold nearly all of it: one second may, or what one hand reads on."""
    items = [part.estimate or 0 for part in parts]
    return max(items) <= WORTH_SHARING * sum(items)


def parts_at_start(estimate: float, left: float, workers: int, page: int) -> int:
    """Into how many parts to cut a partition of about `estimate` items, of those that are left of the search, before it
    is read, as it would keep one worker busy when others have no work any more; 0 to leave it as it is."""
    fair = max(left / workers, FEWEST_PAGES_TO_SHARE * page)
    return ceil(estimate / fair) if estimate > OVERSIZE * fair + page else 0


class Repairs:
    """What was spent on repairs in a search of which so many `pages` had something new."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._in_vain = 0  # since one had
        self._doubted = 0  # pages of parts that end before their counts and show no gap
        self._failures = 0  # of parts that were cut around a page, beyond those that were read
        self.guesses = 0  # pages that were cut around, since a part of one could not be had
        self._parts_left = SPARE_PARTS  # of what ends before its count

    def new_page(self, share: Share) -> None:
        """Take note of a page with new items: repairs are not in vain."""
        self._parts_left += PARTS_A_PAGE
        self._pages += 1
        if share.depth or share.doubted:
            self._in_vain = self._doubted = 0

    def ended(self, reading: Reading) -> None:
        """Take note of whether a part that was cut around a failing page could be read."""
        if reading.ending.error and not reading.stopped:
            self.guesses = 0 if reading.share.failing else self.guesses + 1
        if reading.share.failing and not reading.stopped:
            self._failures = max(self._failures + (1 if reading.ending.error else -1), 0)

    def doubt(self, reading: Reading) -> bool:
        """Take note of what only a count says to lack items; tell whether it is read again for that."""
        doubted, fetched = reading.share.doubted, reading.tally.fetched
        self._doubted += max(fetched, 2)
        self._in_vain += fetched if doubted else 0
        return not (doubted or self.counts_are_wrong or self._doubted > self._worth_a_doubt)

    def begin(self, *, doubtful: bool) -> bool:
        """Tell whether one more is worth it, and take note of it; what is only `doubtful` is free."""
        worth_it = self._in_vain < REPAIRS_IN_VAIN
        self._in_vain += worth_it and not doubtful
        return worth_it

    @property
    def isolate(self) -> bool:
        """Whether cutting finds the pages that cannot be had."""
        return self._failures <= FAILURES_IN_VAIN

    @property
    def counts_are_wrong(self) -> bool:
        """Whether enough was read again for the sake of counts alone."""
        return self._in_vain > self._worth_a_doubt

    @property
    def _worth_a_doubt(self) -> float:
        return DOUBTS_IN_VAIN + FOR_DOUBTS * self._pages

    def parts_of_cut_off(self, wanted: float) -> int:
        """Into how many parts to cut what may have been cut off."""
        return min(max(ceil(wanted), 2), MOST_PARTS)

    def spend(self, parts: int) -> bool:
        """Tell whether what ended before its count may be cut into so many parts, and take note that it is."""
        worth_it = parts <= self._parts_left
        self._parts_left -= parts * worth_it
        return worth_it


class Splitter:
    """Replaces partitions by others while they are read, after so many pages of the search."""

    def __init__(self, cuts: Cuts, sizes: Sizes, pages: int = 0) -> None:
        self._cuts = cuts
        self._by_space = cuts if isinstance(cuts, SpaceCuts) else SpaceCuts(())
        self._sizes = sizes
        self.repairs = Repairs(pages)
        self._spent = 0  # requests for sharing work of which nobody knows how much it is
        self._counts, self._estimates = 0, 0  # of partitions whose first pages came, and what was expected of these
        self.divides = True

    def can_cut(self, reading: Reading) -> bool:
        """Tell whether a partition can be cut at all."""
        return not (reading.share.alone or self.is_smallest(reading.share.partition))

    def is_smallest(self, part: Partition) -> bool:
        """Whether neither time nor space, whichever it is a part of, cuts a partition."""
        return not self._cuts_of(part).can_cut(part)

    def _cuts_of(self, part: Partition) -> Cuts:
        """What cuts a partition: a tile may be one of an interval that time does not cut."""
        return self._by_space if isinstance(part, Tile) else self._cuts

    def attempts(self, reading: Reading, *, works: bool) -> int | None:
        """How often a page is asked for where that tells whether to cut, and not what it holds: where it is cut around
        one that failed, or if pages as large came. None where smaller ones are asked for, too."""
        if not self.can_cut(reading) or reading.behind_item() is not None:
            return None
        return 1 if reading.share.failing else TRIES if works and self.repairs.guesses < GUESSES_IN_VAIN else None

    def at_start(self, share: Share, came: int, page: int) -> list[Share]:
        """Cut a partition that nobody has begun to read, where the others will be done long before it."""
        partition, counted = share.partition, self._sizes.counted
        if partition.estimate is None or counted is None or not self._divides or not self._cuts.can_cut(partition):
            return []
        estimate = min(partition.estimate, counted - came)
        parts = parts_at_start(estimate, counted - came, self._sizes.workers, page)
        found = self._cuts.cut(partition, parts) if parts and isinstance(partition, Interval) else ()
        return [replace(share, partition=replace(part, estimate=estimate // parts)) for part in found]

    def oversized(self, reading: Reading, page: Page, page_size: int) -> list[Share]:
        """Learn from the first page of a partition, and cut it if that shows that it holds far more than it should; not
        where most are items of others, which smaller ones would hold again: they last long, or times are rounded."""
        counted, partition = reading.counted, reading.share.partition
        if counted is None or self._sizes.counted is None:  # the server does not count what it is asked for
            return []
        self._counts, self._estimates = self._counts + counted, self._estimates + (partition.estimate or 0)
        cuts = self._cuts_of(partition)
        cuts.learn(partition, counted)
        if counted <= page.size or not self._divides or not cuts.can_cut(partition):
            return []
        if page.following is None:  # cut off; or items are missing, or the count is wrong
            cuts.extrapolate(partition, page.objects(), counted - page.size)
            parts = self.repairs.parts_of_cut_off(counted / (CUT_OFF_SHARE * max(page.size, 1)))
            return self._cut_short(reading, parts) if reading.memory.last_was_full else []
        if self._miscounted or counted <= OVERSIZE * min(self._sizes.items, partition.estimate or 0) + page_size:
            return []
        members = page.objects()
        if 2 * sum(owner(member, partition) is OWN for member in members) < len(members):
            return []
        cuts.extrapolate(partition, members, counted - page.size)
        parts = parts_of_oversized(counted, page_size, self._sizes)
        return self._cut(reading, parts) if parts else []

    def shared(
        self, readings: Iterable[Reading], idle: int, page_size: int, pages: int
    ) -> tuple[Reading, list[Share]] | None:
        """Cut the partition with the most work left, where that ends the search earlier. Without counts nobody knows
        what is left: then no more requests are spent on it than a share of the `pages` that came."""
        if not self.divides:
            return None
        under_way = [each for each in readings if each.following is not None and not each.stopped]
        able = [each for each in under_way if each.tally.fetched]
        for each in able:
            if each.descent.pace == 0 and each.descent.reached is not None and isinstance(self._cuts, Cutter):
                self._cuts.pile(each.descent.reached)
        reading = max(filter(self.can_cut, able), key=lambda each: each.pages_left(page_size), default=None)
        if reading is None:
            return None
        left = reading.pages_left(page_size)
        lefts = sorted([*(each.pages_left(page_size) for each in under_way), *[0.0] * idle], reverse=True)
        parts = parts_to_share(reading.tally.fetched, left, idle, lefts[idle])
        uncounted = None in (reading.counted, self._sizes.counted) or self._miscounted
        cost = reading.tally.fetched + parts if uncounted else 0
        if self._spent + cost > FOR_SHARING * pages + SPARE_REQUESTS:
            return None
        shares = self._cut(reading, parts, reached=reading.descent.reached) if parts else []
        if not shares or not spreads_work([share.partition for share in shares]):
            return None
        self._spent += cost
        return reading, shares

    @property
    def _divides(self) -> bool:
        """Whether partitions are cut by counts: not by those that are wrong."""
        return self.divides and not self.repairs.counts_are_wrong

    @property
    def _miscounted(self) -> bool:
        """Whether partitions count far more than the whole, and than what was expected of them, as estimates do."""
        return self._counts > OVERLAP * max(self._estimates, self._sizes.counted or inf)

    def repaired(self, reading: Reading, largest: int, lacks: int | None = None) -> list[Share]:
        """What to read again of a partition that lacks items; nothing where that was tried enough. Where it cannot be
        had, and `lacks` no more than one Item, or none that is not named, or is not cut any more, smaller pages of it
        are asked for."""
        share, ending = reading.share, reading.ending
        smaller = Share(share.partition, reading.before, share.depth, failing=True, alone=True)
        alone = [smaller] if self.can_cut(reading) else []
        if lacks in (0, 1):
            reading.stopped = lacks == 0
            return alone
        return self._repaired(reading, largest) or (alone if ending.error and not ending.lapsed else [])

    def _repaired(self, reading: Reading, largest: int) -> list[Share]:
        share, ending = reading.share, reading.ending
        doubted = reading.contradicts
        if doubted and not self.repairs.doubt(reading):
            return []
        full = reading.memory.last_was_full or ending.problem == CAPPED
        able = self.can_cut(reading) and self.repairs.isolate
        if ending.error is not None and not reading.tally.fetched:  # no page of it can be had: around what?
            return self._cut_short(reading, 2) if able else []
        depth = share.depth + (not ending.doubtful and not full and ending.error is None)
        divisible = isinstance(share.partition, Interval | Tile)
        if depth > REPAIR_DEPTH or not divisible or not self.repairs.begin(doubtful=ending.doubtful):
            return []
        full = full and (ending.error is None or ending.lapsed)
        parts = self.repairs.parts_of_cut_off((reading.counted or 0) / max(largest, 1) * OVERSIZE) if full else 2
        shares = self._cut_short(reading, parts, depth) if able else []
        if not shares and share.depth < REPAIR_DEPTH and ending.error is None:
            shares = [reading.again()]
        return [replace(each, doubted=doubted) for each in shares]

    def _cut_short(self, reading: Reading, parts: int, depth: int | None = None) -> list[Share]:
        """Cut a partition that ended before its count, as long as that brings pages."""
        shares = self._cut(reading, parts, depth)
        return shares if self.repairs.spend(len(shares)) else []

    def _cut(self, reading: Reading, parts: int, depth: int | None = None, reached: float | None = None) -> list[Share]:
        share = reading.share
        before = (*share.before, reading.memory.own) if len(reading.memory.own) else share.before
        depth = share.depth if depth is None else depth
        failing = share.failing or reading.ending.error is not None
        found: Sequence[Partition] = ()
        in_order, ended = reading.descent.is_in_order and not reading.ending.lapsed, reading.descent.ended
        cuts = self._cuts_of(share.partition)
        by_time = cuts if isinstance(cuts, Cutter) and reading.ending.error else None
        if in_order and ended is not None and by_time:
            found = by_time.cut_out(share.partition, ended)
        found = found or cuts.cut(share.partition, parts, reached)
        if not found and by_time:
            found = by_time.halve(share.partition)
        if reading.counted is None:  # nobody knows
            found = [replace(part, estimate=None) for part in found]
        return [Share(part, before, depth, failing, doubted=share.doubted) for part in found]
