"""Whether it is worth it to cut partitions, or to read them again: each new item is worth some more of that, and what
brings none uses it up."""

from __future__ import annotations

from math import ceil

from stac_manager.api.reading import Reading
from stac_manager.api.shares import Share

REPAIR_DEPTH = 2
REPAIRS_IN_VAIN = 50
"""How often a partition that lacks items is read again, and how many are without anything new to show for it."""
DOUBTS_IN_VAIN, FOR_DOUBTS = 2, 0.1
"""How many where nothing but counts speaks for it, and that for each page: then it is the counts that are wrong."""
FAILURES_IN_VAIN = 80
"""How many more parts of a partition that cannot be had fail than are read: a cut leaves one of two, unless the server
rounds times. And how many pages without anything new come before they do: nothing keeps items of one place apart."""
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


class Repairs:
    """What was spent on repairs in a search of which so many `pages` had something new."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._in_vain = 0  # since one had
        self._doubted = 0  # pages of parts that end before their counts and show no gap
        self._failures = 0  # of parts that were cut around a page, beyond those that were read
        self._again = 0  # pages of those that failed, since one had something new
        self.guesses = 0  # pages that were cut around, since a part of one could not be had
        self._parts_left = SPARE_PARTS  # of what ends before its count

    def new_page(self, share: Share) -> None:
        """Take note of a page with new items: repairs are not in vain."""
        self._parts_left += PARTS_A_PAGE
        self._pages += 1
        self._again = 0 if share.failing else self._again
        if share.depth or share.doubted:
            self._in_vain = self._doubted = 0

    def ended(self, reading: Reading) -> None:
        """Take note of whether a part that was cut around a failing page could be read."""
        if reading.ending.error and not reading.stopped:
            self.guesses = 0 if reading.share.failing else self.guesses + 1
        if reading.share.failing and not reading.stopped:
            self._failures = max(self._failures + (1 if reading.ending.error else -1), 0)
            self._again += reading.tally.fetched if reading.ending.error and not reading.tally.items else 0

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
        return max(self._failures, self._again) <= FAILURES_IN_VAIN

    @property
    def counts_are_wrong(self) -> bool:
        """Whether enough was read again for the sake of counts alone."""
        return self._in_vain > self._worth_a_doubt

    @property
    def _worth_a_doubt(self) -> float:
        return DOUBTS_IN_VAIN + FOR_DOUBTS * self._pages

    def parts_of_cut_off(self, wanted: float) -> int:
        """Into how many parts to cut what may have been cut off; two at a time where counts were wrong before."""
        return 2 if self._doubted else min(max(ceil(wanted), 2), MOST_PARTS)

    def spend(self, parts: int) -> bool:
        """Tell whether what ended before its count may be cut into so many parts, and take note that it is."""
        worth_it = parts <= self._parts_left
        self._parts_left -= parts * worth_it
        return worth_it
